using System.Diagnostics;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <content>Writes.</content>
internal sealed partial class Device
{
    /// <summary>Shorter waits are accumulated, because a timer is too coarse for them.</summary>
    private static readonly TimeSpan MinimumWait = TimeSpan.FromMilliseconds(10);

    public async Task WriteAsync(WriteRequest request, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_pipeline is null)
            {
                throw NoPipeline();
            }
        }

        var rollsBack = request.Atomicity != WriteRequest.Types.Atomicity.ContinueOnError;
        if (rollsBack && Behaviours.RefusesRollback)
        {
            throw Outcome.Invalid($"Request atomicity {request.Atomicity} is not supported.").ToException();
        }

        var outcomes = new Outcome[request.Updates.Count];
        if (Behaviours.CommitsEachEntry && !rollsBack)
        {
            await CommitEachAsync(request, outcomes, cancellationToken);
        }
        else
        {
            CommitTogether(request, outcomes, rollsBack);
        }

        if (outcomes.Any(o => !o.IsOk))
        {
            throw Outcome.Some("One or more write operations failed.", outcomes);
        }
    }

    private async Task CommitEachAsync(WriteRequest request, Outcome[] outcomes, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        var due = TimeSpan.Zero;
        for (var i = 0; i < outcomes.Length; i++)
        {
            lock (_gate)
            {
                outcomes[i] = Apply(request.Updates[i]);
                due += _options.CommitTime
                    + (_options.CommitTimePerRow * _rows!.CountOf(request.Updates[i].Entity?.TableEntry?.TableId ?? 0));
            }

            var wait = due - Stopwatch.GetElapsedTime(start);
            if (due > TimeSpan.Zero && (wait > MinimumWait || (i == outcomes.Length - 1 && wait > TimeSpan.Zero)))
            {
                await Task.Delay(wait, cancellationToken);
            }
        }
    }

    private void CommitTogether(WriteRequest request, Outcome[] outcomes, bool rollsBack)
    {
        lock (_gate)
        {
            // Only rows are rolled back: no test rolls back members and groups.
            var before = rollsBack ? _rows!.Copy() : null;
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = Apply(request.Updates[i]);
            }

            if (before is null || outcomes.All(o => o.IsOk))
            {
                return;
            }

            _rows = before;
            for (var i = 0; i < outcomes.Length; i++)
            {
                outcomes[i] = outcomes[i].IsOk ? new Outcome(StatusCode.Aborted, "rolled back") : outcomes[i];
            }
        }
    }

    private Outcome Apply(P4.V1.Update update)
    {
        var entity = update.Entity ?? new Entity();
        var asked = entity.Clone();
        var outcome = entity.EntityCase switch
        {
            _ when update.Type != P4.V1.Update.Types.Type.Delete && _refuses(asked) =>
                new Outcome(StatusCode.ResourceExhausted, "no room left"),
            Entity.EntityOneofCase.TableEntry => _rows!.Write(update.Type, entity.TableEntry),
            Entity.EntityOneofCase.ActionProfileMember => _profiles!.Write(update.Type, entity.ActionProfileMember),
            Entity.EntityOneofCase.ActionProfileGroup => _profiles!.Write(update.Type, entity.ActionProfileGroup),
            Entity.EntityOneofCase.CounterEntry when update.Type == P4.V1.Update.Types.Type.Modify => _cells!.Write(entity.CounterEntry),
            _ => new Outcome(StatusCode.Unimplemented, $"{update.Type} of {entity.EntityCase} is not supported"),
        };
        _log.Add(new LoggedUpdate(update.Type, _pipeline!.NameOf(asked), asked, outcome.Code));
        return outcome;
    }
}
