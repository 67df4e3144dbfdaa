using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    // Shorter than half of any sensible watchdog.
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan DebtDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>With so many numbers given, they begin anew when the target has lost its learned flows.</summary>
    private const uint RenewAfter = 1u << 31;

    private RetryTimer? _reconcileTimer;
    private RetryTimer? _leftoverTimer;
    private RetryTimer? _debtTimer;
    private RetryTimer? _auditTimer;
    private long _seenGeneration = -1;
    private bool _mustReload;
    private bool _firstReconcile = true;
    private long? _drainsLooked;

    /// <summary>The last number as it was loaded; null once the target's mark is known.</summary>
    private uint? _trustedNumber;

    private bool IsStoreBehind => _model.HasUnsaved || _storeProblem.Length > 0;

    private RetryTimer ReconcileTimer => _reconcileTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private RetryTimer LeftoverTimer => _leftoverTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private RetryTimer DebtTimer => _debtTimer ??= new RetryTimer(_time, _options.RetryMin, _options.RetryMax);

    private async Task LoopAsync()
    {
        var batch = new List<PendingIntent>();
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

                    Drain(batch);
                    if (batch.Count == 0 && AreDrainsOver())
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
                    // Whatever it was, memory may be half changed. The store is not: start over from it.
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

            PayDebt();
            _store.Checkpoint();
            LogStopped();
        }
        catch (SimulatedCrashException)
        {
            // As if the process had died here: nobody is answered.
            return;
        }
        finally
        {
            _target.ConnectionChanged -= _queue.Wake;
        }

        Finish();
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

    /// <summary>Whether backends have drained for long enough; looked at now and then, since a minute more does no harm.</summary>
    private bool AreDrainsOver()
    {
        if (_mustReload || _drainsLooked is { } looked && _time.GetElapsedTime(looked) < _options.DrainCheck)
        {
            return false;
        }

        _drainsLooked = _time.GetTimestamp();
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
        else if (_queue.Count == 0)
        {
            await MendAsync();
        }

        // A store that failed is tried without a request too: as long as it counts as broken, nobody may send one.
        if (_queue.Count == 0 && IsStoreBehind && DebtTimer.IsDue)
        {
            PayDebt();
        }
    }

    /// <summary>What can wait while there are requests.</summary>
    private async Task MendAsync()
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

        // What a start or a flood of changes leaves behind is most of the process's memory; the ACC has other uses for it.
        if (_device.Tables.GiveBackRoom())
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
            // What a lost request, or one of a killed predecessor, may still do on the target, it has done by then.
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
            _model = _store.Load();
            ConfiguredUplink.AddTo(_model, _node);
            _admission = NewAdmission();
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

    /// <summary>
    /// The port is gone: that it is to be removed need not be remembered any more. Forgetting it can wait for the next commit.
    /// </summary>
    private void OnPortRemoved(string name)
    {
        if (!_model.HasUnsaved)
        {
            DebtTimer.Set(DebtDelay);
        }

        _model.PortRemovals.Remove(name);
        _model.Forget();
    }

    /// <summary>
    /// The target says up to which number ids were given to it. The database may be another one than then, so numbers go on from there;
    /// once after a start even where nothing shows that, since an older copy can have the same mark.
    /// </summary>
    private void OnMarkRead(uint mark, bool isPipelineNew)
    {
        var last = _model.ServiceIds.Last;
        var isInBatch = _model.Mark > 0;
        IReadOnlySet<OwnerId> changed = new HashSet<OwnerId>();
        if (_trustedNumber is { } trusted && mark > trusted)
        {
            changed = _admission.Services.GoOnFrom(mark, trusted);
        }
        else if (mark > IdMark.Covering(last))
        {
            _model.ServiceIds.SetLast(mark);
        }
        else if (mark == 0 && isPipelineNew && last >= RenewAfter && !isInBatch)
        {
            changed = _admission.Services.BeginAnew();
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

    /// <summary>Commits what is true in memory but not yet in the store. Failure is tried again.</summary>
    private void PayDebt()
    {
        if (!IsStoreBehind || _mustReload)
        {
            return;
        }

        if (_model.HasUnsaved)
        {
            Hook(CrashPoint.BeforeDebtCommit);
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
            Sooner(ReconcileTimer.Remaining);
        }

        if (IsStoreBehind)
        {
            Sooner(DebtTimer.Remaining);
        }

        if (_device.IsReady && _auditTimer is { } audit)
        {
            Sooner(audit.Remaining);
        }

        if (_device.IsReady && _device.HasLeftovers)
        {
            Sooner(LeftoverTimer.Remaining);
        }

        return wake;

        void Sooner(TimeSpan remaining)
        {
            // Never zero: what was due and failed to be done is not worth a busy loop.
            var floor = TimeSpan.FromMilliseconds(1);
            wake = remaining < wake ? (remaining > floor ? remaining : floor) : wake;
        }
    }

    private void Finish()
    {
        _finished = true;
        FailLeftovers();
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
