using System.Collections.Immutable;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// The one that changes the tables. Callers post intents; a single loop drains them in batches: judge → one durable commit → write the difference →
/// answer. Start, reconnect and lost replies are the same difference against what the target is read to hold.
/// </summary>
internal sealed partial class Programmer : IAsyncDisposable
{
    private readonly NodeSettings _node;
    private readonly SqliteStore _store;
    private readonly ITarget _target;
    private readonly ProgrammerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly IntentQueue<PendingIntent> _queue;
    private readonly CancellationTokenSource _abort = new();
    private readonly Lock _leftovers = new();
    private readonly DeviceSync _device;
    private NetworkModel _model;
    private Judge _judge;
    private ServiceJudge _serviceJudge;
    private Task? _loop;
    private volatile bool _finished;
    private long _lastProgress;
    private volatile ProgrammerStatus _status;
    private volatile ImmutableSortedDictionary<long, EndpointView> _views = ImmutableSortedDictionary<long, EndpointView>.Empty;
    private volatile ImmutableDictionary<ServiceKey, ServiceView> _services = ImmutableDictionary<ServiceKey, ServiceView>.Empty;
    private volatile SnatState _snat = SnatState.None;
    private volatile TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Loads the durable state. The store and the target stay the caller's to dispose, after <see cref="StopAsync"/>.</summary>
    /// <exception cref="StoreException">The store can't be read.</exception>
    /// <exception cref="P4InfoException">The pipeline lacks something that endpoints compile to.</exception>
    public Programmer(NodeSettings node, SqliteStore store, ITarget target, ProgrammerOptions options, TimeProvider time, ILoggerFactory loggers)
    {
        _node = node;
        _store = store;
        _target = target;
        _options = options;
        _time = time;
        _logger = loggers.CreateLogger("Programmer");
        _queue = new IntentQueue<PendingIntent>(options.QueueIntents, options.QueueBytes);
        _model = store.Load();
        _model.Configure(node);
        _judge = new Judge(_model, node);
        _serviceJudge = NewServiceJudge();
        _device = new DeviceSync(_model, target, node, options, time, loggers.CreateLogger("Programmer"), Progress)
        {
            PortRemoved = OnPortRemoved,
            MarkRead = OnMarkRead,
        };
        _status = TakeStatus();
        PublishAll();
    }

    /// <summary>When the loop last made progress, as a timestamp of the time provider; while idle it does every few seconds.</summary>
    public long LastProgress => Volatile.Read(ref _lastProgress);

    /// <summary>Whether the loop runs and makes progress; false feeds no watchdog.</summary>
    public bool IsHealthy => _loop is { IsCompleted: false } && _time.GetElapsedTime(LastProgress) < _options.StuckAfter;

    /// <summary>The loop; ends after <see cref="StopAsync"/>.</summary>
    internal Task Completion => _loop ?? Task.CompletedTask;

    /// <summary>Starts the loop: it reconciles as soon as the target is primary.</summary>
    public void Start()
    {
        if (_loop is not null)
        {
            throw new InvalidOperationException("the programmer was started before");
        }

        Progress();
        LogStarted(_model.Endpoints.Count, _store.Path);
        _target.ConnectionChanged += _queue.Wake;
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>Creates, repeats or changes an attachment. Returns when it holds durably and on the target.</summary>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<AttachOutcome> SubmitAsync(AttachIntent intent, CancellationToken cancellationToken)
    {
        EndpointRules.Check(intent.Spec, _node);
        if (_target.Connection is { IsPrimary: false } connection)
        {
            throw IntentException.Away($"the target is away: {connection.Reason}");
        }

        return (AttachOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Removes an attachment. Returns when that is durable, and done on the target if it can be reached.</summary>
    /// <exception cref="IntentException">Refused or failed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<DetachOutcome> SubmitAsync(DetachIntent intent, CancellationToken cancellationToken)
    {
        EndpointRules.CheckKey(intent.Key);
        return (DetachOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Makes the node's attachments those that are listed.</summary>
    /// <exception cref="IntentException">Refused or failed as a whole.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<SyncOutcome> SubmitAsync(SyncIntent intent, CancellationToken cancellationToken)
    {
        EndpointRules.Check(intent);
        return (SyncOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Hands out the node's next epoch. Returns when it is durable; the target need not be there.</summary>
    /// <exception cref="IntentException">Refused or failed; the epoch is the same as before.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<BeginOutcome> SubmitAsync(BeginIntent intent, CancellationToken cancellationToken)
    {
        EndpointRules.CheckAgentName(intent.Agent);
        return (BeginOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Removes the endpoints that match. Returns when that is durable, and done on the target if it can be reached.</summary>
    /// <exception cref="IntentException">Refused or failed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<RemovalOutcome> SubmitAsync(RemoveEndpointsIntent intent, CancellationToken cancellationToken)
    {
        if (intent is { Key: null, Address: null, Mac: null })
        {
            throw IntentException.Invalid("key", "missing, and so are address and mac");
        }

        return (RemovalOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Forgets everything that a node's host told. Returns when that is durable, and done on the target if it can be reached.</summary>
    /// <exception cref="IntentException">Refused or failed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<RemovalOutcome> SubmitAsync(ResetHostIntent intent, CancellationToken cancellationToken) =>
        (RemovalOutcome)await PostAsync(intent, cancellationToken);

    /// <summary>Makes a service what is wanted, or removes it. Returns when that holds durably and, if it can be reached, on the target.</summary>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<ServiceOutcome> SubmitAsync(ServiceIntent intent, CancellationToken cancellationToken)
    {
        if (intent.Spec is { } spec)
        {
            ServiceRules.Check(spec, _node);
            if (_node.Package?.Limit(spec) is { } limited)
            {
                intent = intent with { Spec = limited };
            }
        }
        else
        {
            ServiceRules.CheckKey(intent.Key);
        }

        return (ServiceOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Changes what is masqueraded. Returns when that holds durably and on the target.</summary>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<SnatOutcome> SubmitAsync(SnatIntent intent, CancellationToken cancellationToken)
    {
        SnatRules.Check(intent, _node);
        return (SnatOutcome)await PostAsync(intent, cancellationToken);
    }

    /// <summary>Returns once the target is primary and what it holds was compared with the model.</summary>
    public async Task WaitReadyAsync(CancellationToken cancellationToken)
    {
        while (!GetStatus().Ready)
        {
            await _ready.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>A consistent snapshot of the last batch; the queue and the connection are those of now.</summary>
    public ProgrammerStatus GetStatus()
    {
        var status = _status with { QueueLength = _queue.Count, QueueBytes = _queue.Bytes };
        return _target.Connection switch
        {
            { State: SessionState.Disconnected } c => status with { Ready = false, Reconciled = false, TargetState = TargetState.Away, TargetReason = c.Reason, PipelineProblem = "" },
            { State: SessionState.Backup } c => status with { Ready = false, Reconciled = false, TargetState = TargetState.Backup, TargetReason = c.Reason, PipelineProblem = "" },
            _ => status,
        };
    }

    /// <summary>The endpoints as of the last batch, oldest first.</summary>
    public IReadOnlyList<EndpointView> GetEndpoints() => [.. _views.Values];

    /// <summary>The same by id: another object whenever something changed.</summary>
    public ImmutableSortedDictionary<long, EndpointView> EndpointsById => _views;

    /// <summary>The services as of the last batch.</summary>
    public ImmutableDictionary<ServiceKey, ServiceView> GetServices() => _services;

    /// <summary>What is masqueraded, as of the last batch.</summary>
    public SnatState GetSnat() => _snat;

    /// <summary>Accepts nothing more, works off what is queued within the limit, answers every caller, and checkpoints the store. Entries stay.</summary>
    public async Task StopAsync(TimeSpan limit)
    {
        _queue.Close();
        if (_loop is { } loop)
        {
            if (!loop.IsCompleted)
            {
                if (limit > TimeSpan.Zero)
                {
                    await Task.WhenAny(loop, Task.Delay(limit, _time));
                }

                await _abort.CancelAsync();
            }

            await loop;
        }
        else
        {
            Finish();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero);
        _abort.Dispose();
    }

    private async Task<object> PostAsync(Intent intent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = new PendingIntent(intent);
        switch (_queue.TryEnqueue(pending, pending.Bytes))
        {
            case EnqueueResult.Full:
                throw new IntentException(
                    IntentError.ResourceExhausted, $"the queue is full ({_queue.Count} requests, {_queue.Bytes} bytes wait); try again");
            case EnqueueResult.Closed:
                throw ShuttingDown();
        }

        // The loop may have ended between the look at the queue and the enqueue.
        if (_finished)
        {
            FailLeftovers();
        }

        try
        {
            return await pending.Outcome.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!pending.Outcome.IsCompleted)
        {
            pending.TryWithdraw();
            throw;
        }
    }

    private ServiceJudge NewServiceJudge()
    {
        var judge = new ServiceJudge(_model, _node, _time);
        judge.Adapt();
        _model.Forget();
        _trustedNumber = _model.ServiceIds.Trusted ?? _model.ServiceIds.Last;
        return judge;
    }

    private static IntentException ShuttingDown() => IntentException.Away("shutting down");

    private void Progress() => Volatile.Write(ref _lastProgress, _time.GetTimestamp());

    private void Hook(CrashPoint point) => _options.FaultHook?.Invoke(point);
}
