using System.Collections.Immutable;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// The one that changes the tables. Callers post intents; a single loop drains them in batches: admit → one durable commit → write the
/// difference → answer. Start, reconnect and lost replies are the same difference against what the target is read to hold.
/// </summary>
internal sealed partial class Programmer : IProgrammer, IAsyncDisposable
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
    private AdmissionControl _admission;
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
    public Programmer(NodeSettings node, SqliteStore store, ITarget target, ProgrammerOptions options, TimeProvider time,
        ILoggerFactory loggers)
    {
        _node = node;
        _store = store;
        _target = target;
        _options = options;
        _time = time;
        _logger = loggers.CreateLogger("Programmer");
        _queue = new IntentQueue<PendingIntent>(options.QueueIntents, options.QueueBytes);
        _model = store.Load();
        ConfiguredUplink.AddTo(_model, node);
        _admission = NewAdmission();
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

    /// <summary>
    /// Why no attachment can be made although the target takes it: its ports pass no packets. Empty for none. Any thread.
    /// </summary>
    public Func<string> AttachObstacle { get; set; } = static () => "";

    public async Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        if (intent.NeedsTarget && AttachObstacle() is { Length: > 0 } obstacle)
        {
            throw IntentException.Away($"no port passes packets: {obstacle}");
        }

        var valid = intent.Validate(_node);
        if (intent.NeedsTarget && _target.Connection is { IsPrimary: false } connection)
        {
            throw IntentException.Away($"the target is away: {connection.Reason}");
        }

        return await PostAsync(valid, cancellationToken);
    }

    /// <summary>Returns once the target is primary and what it holds was compared with the model.</summary>
    public async Task WaitReadyAsync(CancellationToken cancellationToken)
    {
        while (!Status.Ready)
        {
            await _ready.Task.WaitAsync(cancellationToken);
        }
    }

    public ProgrammerStatus Status
    {
        get
        {
            var status = _status with { QueueLength = _queue.Count, QueueBytes = _queue.Bytes };
            return _target.Connection switch
            {
                { State: SessionState.Disconnected } c => NotReady(TargetState.Away, c.Reason),
                { State: SessionState.Backup } c => NotReady(TargetState.Backup, c.Reason),
                _ => status,
            };

            ProgrammerStatus NotReady(TargetState state, string reason) =>
                status with { Ready = false, Reconciled = false, TargetState = state, TargetReason = reason, PipelineProblem = "" };
        }
    }

    public IReadOnlyList<EndpointView> Endpoints => [.. _views.Values];

    /// <summary>The same by id: another object whenever something changed.</summary>
    public ImmutableSortedDictionary<long, EndpointView> EndpointsById => _views;

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => _services;

    public SnatState Snat => _snat;

    /// <summary>
    /// Accepts nothing more, works off what is queued within the limit, answers every caller, and checkpoints the store. Entries stay.
    /// </summary>
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

    private async Task<TOutcome> PostAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = new PendingIntent<TOutcome>(intent);
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

    private AdmissionControl NewAdmission()
    {
        var admission = new AdmissionControl(_model, _node, _time);
        admission.Services.Adapt();
        _model.Forget();
        _trustedNumber = _model.ServiceIds.Trusted ?? _model.ServiceIds.Last;
        return admission;
    }

    private static IntentException ShuttingDown() => IntentException.Away("shutting down");

    private void Progress() => Volatile.Write(ref _lastProgress, _time.GetTimestamp());

    private void Hook(CrashPoint point) => _options.FaultHook?.Invoke(point);
}
