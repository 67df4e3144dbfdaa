using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;

namespace ACCOffload.InfraManager.Programming.Reconcile;

internal sealed partial class DeviceSync
{
    // A device that refuses everything must not flood the log.
    private const int MaxRefusalLogs = 5;

    /// <summary>Writes all outstanding updates.</summary>
    /// <param name="refusals">Receives the owners of refused rows, with the reason.</param>
    /// <param name="mode">How outcomes are interpreted.</param>
    /// <param name="touched">Receives the written rows; null when they are not needed.</param>
    /// <param name="cancellationToken">Cancels the writes.</param>
    /// <returns>The number of applied updates.</returns>
    /// <exception cref="DeviceLostException">An outcome is unknown.</exception>
    private async Task<long> FlushAsync(Dictionary<OwnerId, IntentException> refusals, PassMode mode, TouchedRows? touched,
        CancellationToken cancellationToken)
    {
        var pass = new WritePass(mode, touched);
        for (var round = 0; round <= MaxCorrections; round++)
        {
            pass.Corrected = false;
            var plan = Tables.Plan();
            if (plan.IsEmpty)
            {
                break;
            }

            await WriteAllAsync(plan.Removals, pass, cancellationToken);
            var refused = pass.Refused.Count;
            if (!await WriteMarkAsync(plan, pass, cancellationToken))
            {
                break;
            }

            await WriteAllAsync(plan.Changes, pass, cancellationToken);
            if (!mode.HoldBack || pass.Refused.Count == refused)
            {
                await WriteAllAsync(plan.Superseded, pass, cancellationToken);
                await WriteAllAsync(plan.Deferred, pass, cancellationToken);
            }

            if (!pass.Corrected)
            {
                break;
            }

            pass.HasCorrected = true;
        }

        SuspectsDrift |= pass.HasCorrected;
        if (pass.Doubt is { } doubt)
        {
            _mayChangeLate = true;
            throw new DeviceLostException(doubt);
        }

        if (pass.Corrected)
        {
            throw new DeviceLostException("the target's answers contradict each other");
        }

        Hook(CrashPoint.AfterWrites);
        AttributeRefusals(pass, refusals);
        return pass.Applied;
    }

    /// <summary>
    /// Writes the high-water mark of IDs before any row that may contain an ID beyond the former mark. If the mark is refused, those rows
    /// count as refused too.
    /// </summary>
    /// <returns>False when it is unknown whether the target has the mark: nothing more is written then.</returns>
    private async Task<bool> WriteMarkAsync(TablePlan plan, WritePass pass, CancellationToken cancellationToken)
    {
        var marks = _compiler is { HasMarks: true } compiler ? plan.TakeChanges(u => compiler.MarkOf(u.Entry) > 0) : [];
        if (marks.Count == 0)
        {
            return true;
        }

        await WriteAllAsync(marks, pass, cancellationToken);
        if (pass.Doubt is not null)
        {
            return false;
        }

        foreach (var mark in marks)
        {
            if (!pass.Refused.TryGetValue(mark.Entry.Key, out var error))
            {
                continue;
            }

            foreach (var update in plan.TakeChanges(u => _node.Profile.Order.HasIds(u.Entry.Table)))
            {
                Tables.Refused(update);
                pass.Refused[update.Entry.Key] = error;
            }
        }

        return true;
    }

    private async Task WriteAllAsync(List<EntryUpdate> updates, WritePass pass, CancellationToken cancellationToken)
    {
        foreach (var write in WritePlan.Order(updates, _node.Profile.Order, _options.MaxUpdatesPerWrite))
        {
            if (_target.Traits.CanModify)
            {
                await WriteAsync(write, pass, cancellationToken);
            }
            else
            {
                await ReplaceAsync(write, pass, cancellationToken);
            }
        }
    }

    /// <summary>Treats rows that were acknowledged but are not on the target as refused; they are retried later.</summary>
    private void RefuseNotApplied(Dictionary<OwnerId, IntentException> refusals)
    {
        var pass = new WritePass(default);
        foreach (var update in Tables.Plan().All)
        {
            Refuse(
                update, StatusCode.DataLoss,
                $"{update.Kind.ToString().ToUpperInvariant()} {update.Entry.Key} was acknowledged but not applied", pass);
        }

        AttributeRefusals(pass, refusals);
    }

    /// <summary>
    /// Sends one Write. If the target rejects it as a whole without naming the faulty update, both halves are sent separately.
    /// </summary>
    private async Task WriteAsync(ReadOnlyMemory<EntryUpdate> updates, WritePass pass, CancellationToken cancellationToken)
    {
        if (pass.Touched is { } touched)
        {
            foreach (var update in updates.Span)
            {
                touched.Add(update.Entry.Key);
            }
        }

        Hook(CrashPoint.BeforeWrite);
        var result = await SendAsync(updates, cancellationToken);
        Hook(CrashPoint.AfterWrite);
        _progress();
        switch (result.Outcome)
        {
            case WriteOutcome.Applied:
                for (var i = 0; i < updates.Length; i++)
                {
                    Apply(updates.Span[i], pass);
                }

                break;
            case WriteOutcome.Failed:
                ApplyErrors(updates.Span, result.Errors, pass);
                break;
            case WriteOutcome.Rejected
                when result.Code is not (StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.FailedPrecondition):
                if (updates.Length == 1)
                {
                    Refuse(updates.Span[0], result.Code, result.Message, pass);
                    break;
                }

                await WriteAsync(updates[..(updates.Length / 2)], pass, cancellationToken);
                await WriteAsync(updates[(updates.Length / 2)..], pass, cancellationToken);
                break;
            default:
                // No longer primary, no pipeline, not sent, or no answer.
                _mayChangeLate |= result.Outcome == WriteOutcome.Unknown;
                throw new DeviceLostException(result.Message);
        }
    }

    private async Task<WriteResult> SendAsync(ReadOnlyMemory<EntryUpdate> updates, CancellationToken cancellationToken)
    {
        WritesSent++;
        UpdatesSent += updates.Length;
        var allowed = _options.WriteLimit + TimeSpan.FromMilliseconds(updates.Length);
        using var limit = new CancellationTokenSource(allowed, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await _target.WriteAsync(updates, either.Token);
        }
        catch (OperationCanceledException e)
        {
            _mayChangeLate = true;
            throw new DeviceLostException(
                cancellationToken.IsCancellationRequested
                    ? "shut down during a Write"
                    : $"no answer to a Write within {allowed.TotalSeconds:0.#} s", e);
        }
    }

    private void ApplyErrors(ReadOnlySpan<EntryUpdate> updates, IReadOnlyList<UpdateError> errors, WritePass pass)
    {
        var next = 0;
        for (var i = 0; i < updates.Length; i++)
        {
            if (next == errors.Count || errors[next].Index != i)
            {
                Apply(updates[i], pass);
                continue;
            }

            var error = errors[next++];
            switch (updates[i].Kind, error.Code)
            {
                case (UpdateKind.Insert, StatusCode.AlreadyExists):
                    // Drift: the target has a row that we did not know of. It becomes ours.
                    Tables.Doubt(updates[i]);
                    pass.Corrected = true;
                    break;
                case (UpdateKind.Modify or UpdateKind.Delete, StatusCode.NotFound):
                    Tables.FoundAbsent(updates[i].Entry.Key);
                    pass.Corrected = true;
                    break;
                case (_, _) when error.IsDefinite:
                    Refuse(updates[i], error.Code, error.Message, pass);
                    break;
                case (_, _) when pass.DoubtIsRefusal:
                    Tables.Doubt(updates[i]);
                    Refuse(updates[i], error.Code, error.Message, pass);
                    break;
                default:
                    pass.Doubt ??= error.Message;
                    break;
            }
        }
    }

    private void Apply(EntryUpdate update, WritePass pass)
    {
        Tables.Applied(update);
        _loggedRefusals.Forget(update.Entry.Key);
        pass.Applied++;
        pass.Counts?.Add(update.Kind);
    }

    private void Refuse(EntryUpdate update, StatusCode code, string message, WritePass pass)
    {
        Tables.Refused(update);
        var error = code == StatusCode.ResourceExhausted ? IntentError.ResourceExhausted : IntentError.Internal;
        pass.Refused[update.Entry.Key] = new IntentException(error, $"the target refused an entry: {message}") { IsLasting = true };
        // A retried row with the same refusal is logged once.
        if (!_loggedRefusals.Note(update.Entry.Key, message))
        {
            return;
        }

        if (pass.Refused.Count <= MaxRefusalLogs)
        {
            LogRefused(message);
        }
        else if (pass.Refused.Count == MaxRefusalLogs + 1)
        {
            LogMoreRefused();
        }
    }

    /// <summary>Finds the owners of refused rows. A refused delete is no owner's failure: it is retried.</summary>
    private void AttributeRefusals(WritePass pass, Dictionary<OwnerId, IntentException> refusals)
    {
        if (pass.Refused.Count == 0)
        {
            return;
        }

        // Rows of policy have no owners of their own.
        foreach (var (key, error) in pass.Refused)
        {
            if (_node.Profile.Order.IsPolicyTable(key.Table))
            {
                refusals.TryAdd(OwnerId.Policy, error);
            }
        }

        foreach (var owner in Tables.Owners)
        {
            foreach (var entry in Tables.EntriesOf(owner))
            {
                if (pass.Refused.TryGetValue(entry.Key, out var error))
                {
                    refusals.TryAdd(owner, error);
                }
            }
        }
    }

    /// <param name="Verify">All tables are read back after something was written.</param>
    /// <param name="DoubtIsRefusal">Codes that leave open whether an update was applied count as refusals, because reading back did not
    /// help before.</param>
    /// <param name="HoldBack">If an update is refused, superseded rows are kept and deferred updates are not written: the caller rolls the
    /// change back.</param>
    /// <param name="Counts">Counts the applied updates.</param>
    /// <param name="IsPolicyStep">The rows of policy differ because a change of policy is being written in order.</param>
    private readonly record struct PassMode(bool Verify, bool DoubtIsRefusal, bool HoldBack = false, Counts? Counts = null,
        bool IsPolicyStep = false);

    private sealed class WritePass(PassMode mode, TouchedRows? touched = null)
    {
        /// <summary>Receives the written rows; null when they are not needed.</summary>
        public TouchedRows? Touched => touched;

        /// <summary>A pass for auxiliary writes: with the same mode, but neither counted nor attributed with this one.</summary>
        public WritePass CreateSidePass() => new(mode with { Counts = null }, touched);

        public bool DoubtIsRefusal => mode.DoubtIsRefusal;

        public Counts? Counts => mode.Counts;

        public Dictionary<EntryKey, IntentException> Refused { get; } = [];

        public long Applied { get; set; }

        /// <summary>Whether the target had something unexpected, so that there is more to write.</summary>
        public bool Corrected { get; set; }

        public bool HasCorrected { get; set; }

        public string? Doubt { get; set; }
    }
}
