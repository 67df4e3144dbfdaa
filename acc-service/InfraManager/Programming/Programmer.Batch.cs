using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;

namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    /// <summary>
    /// Judge, commit, realise, answer. What the target refuses fails its own request: the batch is judged again without it, and the difference to
    /// that, on the target and in the store, is the rollback. The store comes first both ways, so that a crash in between is repaired from it.
    /// </summary>
    private async Task ProcessAsync(List<PendingIntent> batch)
    {
        if (_abort.IsCancellationRequested || _mustReload)
        {
            var error = _mustReload ? IntentException.Away(_storeProblem.Length > 0 ? _storeProblem : "restarting after an internal error") : ShuttingDown();
            batch.ForEach(p => p.Fail(error));
            return;
        }

        var start = _time.GetTimestamp();
        var times = new AttachTimes(batch);
        _device.TakeStrayPorts();
        var run = new BatchRun(batch) { DeviceLost = !_device.IsReady };
        if (run.DeviceLost)
        {
            run.AddsRefused = IntentException.Away(_device.NotReadyReason);
        }
        else
        {
            await _device.LookForForeignAsync(run.NewPortNames(), _abort.Token);
        }

        for (var round = 0; ; round++)
        {
            times.Enter(AttachPhase.Commit);
            JudgeAll(run, round);
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
                run.AddsRefused ??= IntentException.Away(lost);
                continue;
            }

            if (!run.Blame(result.Refusals))
            {
                break;
            }
        }

        times.End();
        _model.Forget();
        _judge.Pool.Forget();
        Publish(run);
        Hook(CrashPoint.BeforeComplete);
        Answer(run, additions: true);
        if (!run.DeviceLost)
        {
            await _device.RemovePortsAsync(_abort.Token);
        }

        Answer(run, additions: false);
        Hook(CrashPoint.AfterComplete);
        if (_logger.IsEnabled(LogLevel.Debug))
        {
            var failed = run.Verdicts.Count(v => v is IntentException);
            var elapsed = _time.GetElapsedTime(start);
            LogBatch(batch.Count, run.Touched.Count, failed, elapsed);
        }
        if (_device.HasLeftovers && LeftoverTimer.IsDue)
        {
            LeftoverTimer.Failed();
        }
    }

    private void JudgeAll(BatchRun run, int round)
    {
        _model.Undo(0);
        _judge.Pool.Undo();
        run.Begin();
        for (var i = 0; i < run.Batch.Count; i++)
        {
            Progress();
            try
            {
                run.Verdicts[i] = run.FailureOf(i) ?? JudgeOne(run, i);
            }
            catch (IntentException e)
            {
                run.Verdicts[i] = e;
            }
        }

        if (round > 0)
        {
            // Ports that were made for what is taken back. Durable, since a crash may come before they are removed.
            foreach (var port in _device.TakeStrayPorts())
            {
                _model.PortRemovals.Add(port);
            }
        }

        // What is given before the target's mark is known is told apart after another start, too.
        if (_trustedNumber is { } trusted && _model.ServiceIds.Last > trusted)
        {
            _model.ServiceIds.SetTrusted(trusted);
        }

        run.Collect(_model);
        Hook(CrashPoint.AfterJudge);
    }

    private object JudgeOne(BatchRun run, int index)
    {
        var context = new JudgeContext
        {
            AddsRefused = run.AddsRefused,
            IsForeignPort = _device.IsForeignPort,
            KnownFailure = key => run.FailureOf(index, key),
            Changed = (id, key) => run.Changed(index, OwnerId.OfEndpoint(id), key),
        };
        var mark = _model.Mark;
        object outcome = run.Batch[index].Intent switch
        {
            AttachIntent attach => _judge.Attach(attach.Spec, context),
            DetachIntent detach => new DetachOutcome(_judge.Detach(detach)),
            SyncIntent sync => _judge.Sync(sync, context),
            BeginIntent begin => _judge.Begin(begin),
            RemoveEndpointsIntent remove => _judge.Remove(remove),
            ResetHostIntent reset => _judge.Reset(reset),
            ServiceIntent service => _serviceJudge.Set(service, run.AddsRefused, owner => run.Changed(index, owner)),
            EndDrainsIntent => EndDrains(),
            SnatIntent snat => _serviceJudge.Set(snat, run.AddsRefused, owner => run.Changed(index, owner)),
            _ => throw new InvalidOperationException("an intent of an unknown kind"),
        };
        // What follows for services is nobody's request: if the target refuses it, it is tried again.
        _serviceJudge.Follow(mark, Progress);
        return outcome;
    }

    private ServiceOutcome EndDrains()
    {
        _serviceJudge.EndOverdueDrains(Progress);
        return new ServiceOutcome(null);
    }

    /// <summary>Makes the judged state durable. False when that failed: then the batch is judged once more (or, in round 0, given up).</summary>
    private bool Commit(BatchRun run, int round)
    {
        // After a failure in this batch, what is true now is committed later.
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
            // A failing disk may hold the changes all the same: the rows stay unsaved, and their former values are written when it works again.
            _model.Undo(0);
            run.FailAll(error!);
        }

        return false;
    }

    /// <summary>Commits the present value of every row that the store does not have.</summary>
    private bool TryCommit(out IntentException? error)
    {
        try
        {
            _store.Commit(_model);
            DebtTimer.Reset();
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
            DebtTimer.Failed();
            error = new IntentException(
                e.Failure == StoreFailure.Full ? IntentError.ResourceExhausted : IntentError.Unavailable, e.Message);
            return false;
        }
    }

    private void Answer(BatchRun run, bool additions)
    {
        for (var i = 0; i < run.Batch.Count; i++)
        {
            var pending = run.Batch[i];
            if (pending.Intent is not (DetachIntent or SyncIntent or RemoveEndpointsIntent or ResetHostIntent) != additions)
            {
                continue;
            }

            switch (run.Verdicts[i])
            {
                case IntentException e:
                    pending.Fail(e);
                    break;
                case Endpoint endpoint:
                    pending.Complete(new AttachOutcome(endpoint, _device.PortOf(endpoint.Spec.PortName)));
                    break;
                case { } outcome:
                    pending.Complete(outcome);
                    break;
            }
        }
    }
}
