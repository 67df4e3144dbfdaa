using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;

namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    /// <summary>
    /// Admits, commits, programs and answers a batch. If the target refuses an entry, its request fails and the batch is decided again
    /// without it; the difference, on the target and in the store, is the rollback. The store is written first in both directions, so that
    /// a crash in between is repaired from it.
    /// </summary>
    private async Task ProcessAsync(List<PendingIntent> batch)
    {
        if (_abort.IsCancellationRequested || _mustReload)
        {
            var error = _mustReload
                ? IntentException.Unavailable(_storeProblem.Length > 0 ? _storeProblem : "restarting after an internal error")
                : ShuttingDown();
            batch.ForEach(p => p.Fail(error));
            return;
        }

        var start = _time.GetTimestamp();
        var times = new AttachTimes(batch);
        _device.TakeStrayPorts();
        var run = new BatchRun(batch) { DeviceLost = !_device.IsReady };
        if (run.DeviceLost)
        {
            run.AddsRefused = IntentException.Unavailable(_device.NotReadyReason);
        }
        else
        {
            await _device.FindForeignPortsAsync(run.NewPortNames(), _abort.Token);
        }

        for (var round = 0; ; round++)
        {
            times.Enter(AttachPhase.Commit);
            AdmitAll(run, round);
            if (!Commit(run, round))
            {
                if (round == 0)
                {
                    break;
                }

                continue;
            }

            if (run.DeviceLost)
            {
                _device.Declare(run.Touched);
                break;
            }

            times.Enter(AttachPhase.Program);
            var result = await _device.RealiseAsync(run.Touched, _abort.Token);
            if (result.Lost is { } lost)
            {
                run.DeviceLost = true;
                run.AddsRefused ??= IntentException.Unavailable(lost);
                continue;
            }

            if (!run.Blame(result.Refusals))
            {
                break;
            }
        }

        times.End();
        var felix = _policies as LocalFelixPolicies;
        felix?.Take(_admission.Felix.Taken, Progress);
        if (_policies?.Update(_model, _effective.Of(_model)) is { } change)
        {
            AnnounceLeaving(change);
            await _device.RealiseAsync(change, _abort.Token);
            _policyRevision++;
            MeasurePolicy(batch);
        }
        else if (run.Touched.Any(o => o.Kind == OwnerKind.Endpoint))
        {
            // The rows of an endpoint name its sets.
            _policyRevision++;
        }

        felix?.Publish(_admission.Felix.Taken, _model, _device is { IsReady: true, IsPolicyProgrammed: true });
        _admission.Forget();
        Publish(run);
        Hook(CrashPoint.BeforeComplete);
        Answer(run, removals: false);
        if (!run.DeviceLost)
        {
            await _device.RemovePortsAsync(_abort.Token);
        }

        Answer(run, removals: true);
        Hook(CrashPoint.AfterComplete);
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            var failed = batch.Count(p => p.Refusal is not null);
            var elapsed = _time.GetElapsedTime(start);
            LogBatch(batch.Count, run.Touched.Count, failed, elapsed);
        }
        if (_device.HasLeftovers && LeftoverTimer.IsDue)
        {
            LeftoverTimer.Failed();
        }
    }

    private void AdmitAll(BatchRun run, int round)
    {
        _admission.Undo();
        run.Begin();
        for (var i = 0; i < run.Batch.Count; i++)
        {
            Progress();
            var pending = run.Batch[i];
            if (run.FailureOf(i) is { } known)
            {
                pending.Refuse(known);
                continue;
            }

            var index = i;
            pending.Admit(_admission, new AdmissionContext
            {
                AddsRefused = run.AddsRefused,
                IsForeignPort = _device.IsForeignPort,
                ProblemOfPort = _device.ProblemOfPort,
                KnownFailure = key => run.FailureOf(index, key),
                Changed = (owner, key) => run.Changed(index, owner, key),
                Progress = Progress,
            });
        }

        if (round > 0)
        {
            // Ports created for requests that are rolled back. This is recorded durably, because a crash may come before they are removed.
            foreach (var port in _device.TakeStrayPorts())
            {
                _model.PortRemovals.Add(port);
            }
        }

        RecordTrusted();
        run.Collect(_model);
        Hook(CrashPoint.AfterAdmission);
    }

    /// <summary>
    /// Makes the admitted state durable. Returns false if that failed: the batch is then decided again, or given up in round 0.
    /// </summary>
    private bool Commit(BatchRun run, int round)
    {
        // After a store failure in this batch, the remaining state is committed later.
        if (!run.HasChanges || run.StoreError is not null)
        {
            return true;
        }

        if (round > 0)
        {
            Hook(CrashPoint.BeforeCompensation);
        }

        var done = TryCommit(out var error);
        if (done)
        {
            Hook(round == 0 ? CrashPoint.AfterCommit : CrashPoint.AfterCompensation);
            return true;
        }

        run.StoreError = error;
        run.AddsRefused = error;
        if (round == 0)
        {
            // A failing disk may still have the changes: the rows stay unsaved, and their former values are written when the disk works
            // again.
            _admission.Undo();
            run.FailAll(error!);
        }

        return false;
    }

    /// <summary>Commits the current value of every unsaved row.</summary>
    private bool TryCommit(out IntentException? error)
    {
        try
        {
            _store.Commit(_model);
            CommitTimer.Reset();
            _storeProblem = "";
            error = null;
            return true;
        }
        catch (StoreException e)
        {
            if (_storeProblem != e.Message)
            {
                LogStoreFailed(e.Message);
            }

            _storeProblem = e.Message;
            CommitTimer.Failed();
            error = new IntentException(
                e.Failure == StoreFailure.Full ? IntentError.ResourceExhausted : IntentError.Unavailable, e.Message);
            return false;
        }
    }

    private void Answer(BatchRun run, bool removals)
    {
        foreach (var pending in run.Batch.Where(p => p.Intent.RemovesPorts == removals))
        {
            pending.Answer(_device.PortOf);
        }
    }
}
