using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    // Shorter than half of any sensible watchdog.
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CommitDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>Numbering restarts beyond this ID once the target has lost its learned flows.</summary>
    private const uint RenumberThreshold = 1u << 31;

    private RetryTimer? _reconcileTimer;
    private RetryTimer? _leftoverTimer;
    private RetryTimer? _commitTimer;
    private RetryTimer? _auditTimer;
    private long _seenGeneration = -1;
    private bool _mustReload;
    private bool _firstReconcile = true;
    private long? _lastDrainCheck;

    /// <summary>The last ID allocated while the target's mark was known; null once the mark has been read after this start.</summary>
    private uint? _trustedNumber;

    private bool IsStoreBehind => _model.HasUnsaved || _storeProblem.Length > 0;

    private RetryTimer ReconcileTimer => _reconcileTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private RetryTimer LeftoverTimer => _leftoverTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private RetryTimer CommitTimer => _commitTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private async Task LoopAsync()
    {
        var batch = new List<PendingIntent>();
        var hasCrashed = false;
        try
        {
            while (true)
            {
                Progress();
                try
                {
                    if (!_abort.IsCancellationRequested)
                    {
                        await HousekeepAsync();
                    }

                    AnswerQuestions();
                    Drain(batch);
                    if (batch.Count == 0 && HaveDrainsExpired())
                    {
                        batch.Add(new PendingIntent<ServiceOutcome>(new EndDrainsIntent()));
                    }

                    if (batch.Count > 0)
                    {
                        await ProcessAsync(batch);
                        continue;
                    }

                    if (_queue.IsClosed)
                    {
                        break;
                    }
                }
                catch (Exception e) when (e is not SimulatedCrashException)
                {
                    // The state in memory may be inconsistent now. The store is not: reload from it.
                    LogUnexpected(e);
                    _mustReload = true;
                    PublishStatus();
                    foreach (var pending in batch)
                    {
                        pending.Fail(new IntentException(IntentError.Internal, $"internal error: {e.Message.ReplaceLineEndings(" ")}"));
                    }

                    ReconcileTimer.Failed();
                }

                await _queue.WaitAsync(NextWake(), _time);
            }

            CommitPending();
            _store.Checkpoint();
            LogStopped();
        }
        catch (SimulatedCrashException)
        {
            // Behave as if the process had died: nobody is answered.
            hasCrashed = true;
        }
        finally
        {
            _target.ConnectionChanged -= _queue.Wake;
            if (!hasCrashed)
            {
                Finish();
            }
        }
    }

    private void Drain(List<PendingIntent> batch)
    {
        batch.Clear();
        while (batch.Count < _options.MaxBatch && _queue.TryDequeue(out var pending))
        {
            if (pending.TryDrain())
            {
                batch.Add(pending);
            }
        }
    }

    /// <summary>Whether drains have reached the time limit. Checked only now and then, because a minute more does no harm.</summary>
    private bool HaveDrainsExpired()
    {
        if (_mustReload || _lastDrainCheck is { } looked && _time.GetElapsedTime(looked) < _options.DrainCheck)
        {
            return false;
        }

        _lastDrainCheck = _time.GetTimestamp();
        return _admission.Services.HasOverdueDrains;
    }

    private async Task HousekeepAsync()
    {
        if (_mustReload && ReconcileTimer.IsDue)
        {
            Reload();
        }

        if (_mustReload)
        {
            return;
        }

        if (_target.Connection.Generation != _seenGeneration)
        {
            _seenGeneration = _target.Connection.Generation;
            ReconcileTimer.Reset();
        }

        if (!_device.IsReady)
        {
            if (_target.Connection.IsPrimary && ReconcileTimer.IsDue)
            {
                await ReconcileAsync(isAudit: false);
            }
            else
            {
                PublishStatus();
            }
        }
        else
        {
            await TickAsync();
            if (_queue.Count == 0 && _device.IsReady)
            {
                await RunDeferredWorkAsync();
            }
        }

        // Retry a failed store even without requests: clients may send none while it is reported as broken.
        if (_queue.Count == 0 && IsStoreBehind && CommitTimer.IsDue)
        {
            CommitPending();
        }
    }

    /// <summary>Advances the pipeline's clock while a service has session affinity. It is exact enough for the shortest one.</summary>
    private async Task TickAsync()
    {
        if (_model.Services.ShortestAffinity is not (> 0 and var shortest)
            || AffinityClass.Tick(shortest) is var tick && _clock.Remaining(tick) > TimeSpan.Zero)
        {
            return;
        }

        _clock.Advance(tick);
        _model.AffinityTime = _clock.Value;
        var result = await _device.RealiseAsync([OwnerId.Clock], _abort.Token);
        _clock.Written(tick, isApplied: result.Lost is null && _device.Tables.IsProgrammed(OwnerId.Clock));
    }

    /// <summary>Work that can wait while there are requests.</summary>
    private async Task RunDeferredWorkAsync()
    {
        if (_device.TakeLateChanges())
        {
            ScheduleAudit(_options.AuditAfterUnknown);
        }

        if (_device.SuspectsDrift)
        {
            _device.SuspectsDrift = false;
            ScheduleAudit(TimeSpan.FromTicks(1));
        }

        if (_device.HasLeftovers && LeftoverTimer.IsDue)
        {
            await _device.RetryAsync(_abort.Token);
            PublishAll();
            if (_device.HasLeftovers)
            {
                LeftoverTimer.Failed(_device.HasOnlyRefusedDeletes ? _options.RefusedDeleteMax : _options.RetryMax);
            }
            else
            {
                LeftoverTimer.Reset();
            }
        }

        if (_auditTimer is { IsDue: true })
        {
            _auditTimer = null;
            await ReconcileAsync(isAudit: true);
        }

        // Garbage left by a start or by a burst of changes is most of the process's memory; other ACC processes need it.
        if (_device.Tables.TrimMemory())
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }

    private async Task ReconcileAsync(bool isAudit)
    {
        PublishStatus();
        if (await _device.ReconcileAsync(isAudit, _abort.Token))
        {
            ReconcileTimer.Reset();
            if (_device.HasLeftovers)
            {
                LeftoverTimer.Failed();
            }
            // A lost request, or one of a killed predecessor, may still be executed after the read-back, but no later than this.
            if (_device.TakeLateChanges() || _firstReconcile)
            {
                ScheduleAudit(_options.AuditAfterUnknown);
            }
            else if (_options.AuditInterval > TimeSpan.Zero)
            {
                ScheduleAudit(_options.AuditInterval);
            }

            _firstReconcile = false;
        }
        else
        {
            ReconcileTimer.Failed();
        }

        PublishAll();
    }

    private void ScheduleAudit(TimeSpan after)
    {
        if (_auditTimer is { } set && set.Remaining < after)
        {
            return;
        }

        _auditTimer = new RetryTimer(_time, _options.RetryMin, _options.RetryMax);
        _auditTimer.Set(after);
    }

    private void Reload()
    {
        try
        {
            _model = Load();
            _admission = NewAdmission();
            _model.AffinityTime = _clock.Value;
            _policies = NewPolicies();
            _device.Policies = _policies;
            _policyRevision++;
            _device.Restart(_model);
            _mustReload = false;
            PublishAll();
        }
        catch (StoreException e)
        {
            _storeProblem = e.Message;
            LogStoreFailed(e.Message);
            ReconcileTimer.Failed();
            PublishStatus();
        }
    }

    /// <summary>Forgets a port removal that is done. The store is updated with the next commit.</summary>
    private void OnPortRemoved(string name)
    {
        if (!_model.HasUnsaved)
        {
            CommitTimer.Set(CommitDelay);
        }

        _model.PortRemovals.Remove(name);
        _model.Forget();
    }

    /// <summary>
    /// Takes the target's high-water mark of IDs. The database may not be the one that allocated them, so numbering continues after the
    /// mark. This happens once after every start, because an older copy of the database can have the same mark.
    /// </summary>
    private void OnMarkRead(uint mark, bool isPipelineNew)
    {
        var last = _model.ServiceIds.Last;
        var isInBatch = _model.Mark > 0;
        IReadOnlySet<OwnerId> changed = new HashSet<OwnerId>();
        if (_trustedNumber is { } trusted && mark > trusted)
        {
            changed = _admission.Services.ContinueFrom(mark, trusted);
        }
        else if (mark > IdMark.Covering(last))
        {
            _model.ServiceIds.SetLast(mark);
        }
        else if (mark == 0 && isPipelineNew && last >= RenumberThreshold && !isInBatch)
        {
            changed = _admission.Services.RestartNumbering();
        }

        _trustedNumber = null;
        _model.ServiceIds.SetTrusted(null);
        if (mark > IdMark.Covering(last))
        {
            LogBehindTarget(last, mark);
        }

        if (isInBatch)
        {
            return;
        }

        if (changed.Count > 0)
        {
            _device.Declare(changed);
        }

        _model.Forget();
    }

    /// <summary>Continues the clock of session affinity from the target's, whose learned entries refer to it.</summary>
    private void OnTimeRead(uint time)
    {
        if (_clock.Continue(time))
        {
            _model.AffinityTime = time;
            _device.Declare([OwnerId.Clock]);
        }
    }

    /// <summary>Commits state that is not in the store yet. A failure is retried.</summary>
    private void CommitPending()
    {
        if (!IsStoreBehind || _mustReload)
        {
            return;
        }

        if (_model.HasUnsaved)
        {
            Hook(CrashPoint.BeforePendingCommit);
        }

        if (TryCommit(out _))
        {
            PublishStatus();
        }
    }

    private TimeSpan NextWake()
    {
        var wake = IdleLimit;
        if (_target.Connection.IsPrimary && (_mustReload || !_device.IsReady))
        {
            WakeWithin(ReconcileTimer.Remaining);
        }

        if (IsStoreBehind)
        {
            WakeWithin(CommitTimer.Remaining);
        }

        if (!_mustReload && _device.IsReady && _model.Services.ShortestAffinity is > 0 and var shortest)
        {
            WakeWithin(_clock.Remaining(AffinityClass.Tick(shortest)));
        }

        if (_device.IsReady && _auditTimer is { } audit)
        {
            WakeWithin(audit.Remaining);
        }

        if (_device.IsReady && _device.HasLeftovers)
        {
            WakeWithin(LeftoverTimer.Remaining);
        }

        return wake;

        void WakeWithin(TimeSpan remaining)
        {
            // Never zero: something due that fails must not cause a busy loop.
            var floor = TimeSpan.FromMilliseconds(1);
            wake = remaining < wake ? (remaining > floor ? remaining : floor) : wake;
        }
    }

    private void Finish()
    {
        _finished = true;
        FailLeftovers();
        FailQuestions();
    }

    private void FailLeftovers()
    {
        lock (_leftovers)
        {
            while (_queue.TryDequeue(out var pending))
            {
                pending.Fail(ShuttingDown());
            }
        }
    }
}
