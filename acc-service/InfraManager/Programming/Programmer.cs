using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;
using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.Programming.Queue;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// Programs the target. Callers submit intents; a single loop takes them in batches: admit, commit durably once, write the difference to
/// the target, answer. Start, reconnect and lost replies are handled as a difference too, against what is read from the target.
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
    private readonly AffinityClock _clock;
    private NetworkModel _model;
    private AdmissionControl _admission;
    private LocalPolicies? _policies;
    private Task? _loop;
    private volatile bool _finished;
    private long _lastProgress;
    private volatile ProgrammerStatus _status;
    private volatile ImmutableSortedDictionary<long, EndpointView> _views = ImmutableSortedDictionary<long, EndpointView>.Empty;
    private volatile ImmutableDictionary<ServiceKey, ServiceView> _services = ImmutableDictionary<ServiceKey, ServiceView>.Empty;
    private volatile ImmutableDictionary<uint, RemoteNodeView> _remoteNodes = ImmutableDictionary<uint, RemoteNodeView>.Empty;
    private volatile ImmutableDictionary<uint, Neighbor> _neighbors = ImmutableDictionary<uint, Neighbor>.Empty;
    private volatile FrozenSet<IPAddress> _nextHops = [];
    private readonly EffectiveNode _effective;
    private volatile NodeSettings _current;
    private volatile SnatState _snat = SnatState.None;
    private volatile TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Loads the durable state. The caller disposes the store and the target, after <see cref="StopAsync"/>.</summary>
    /// <exception cref="StoreException">The store cannot be read.</exception>
    /// <exception cref="P4InfoException">The pipeline lacks a table, field, action or parameter that entries need.</exception>
    public Programmer(NodeSettings node, SqliteStore store, ITarget target, ProgrammerOptions options, TimeProvider time,
        ILoggerFactory loggers)
    {
        _node = node;
        _effective = new EffectiveNode(node);
        _current = node;
        _store = store;
        _target = target;
        _options = options;
        _time = time;
        _logger = loggers.CreateLogger("Programmer");
        _clock = new AffinityClock(time);
        _queue = new IntentQueue<PendingIntent>(options.QueueIntents, options.QueueBytes);
        _model = Load();
        _admission = NewAdmission();
        _policies = NewPolicies();
        _device = new DeviceSync(_model, target, node, options, time, loggers.CreateLogger("Programmer"), Progress)
        {
            PortRemoved = OnPortRemoved,
            MarkRead = OnMarkRead,
            TimeRead = OnTimeRead,
            Policies = _policies,
        };
        _status = TakeStatus();
        PublishAll();
    }

    /// <summary>When the loop last made progress, as a timestamp of the time provider; updated every few seconds even while idle.</summary>
    public long LastProgress => Volatile.Read(ref _lastProgress);

    /// <summary>Whether the loop is running and makes progress; the watchdog is fed only while it is.</summary>
    public bool IsHealthy => _loop is { IsCompleted: false } && _time.GetElapsedTime(LastProgress) < _options.StuckAfter;

    /// <summary>The loop; ends after <see cref="StopAsync"/>.</summary>
    internal Task Completion => _loop ?? Task.CompletedTask;

    /// <summary>Starts the loop: it reconciles as soon as the target is primary.</summary>
    public void Start()
    {
        if (_loop is not null)
        {
            throw new InvalidOperationException("the programmer is already started");
        }

        Progress();
        LogStarted(_model.Endpoints.Count, _store.Path);
        _target.ConnectionChanged += _queue.Wake;
        _loop = Task.Run(LoopAsync);
    }

    /// <summary>
    /// Why attachments would be useless although the target accepts them: its ports pass no packets. Empty for no problem. Called on any
    /// thread.
    /// </summary>
    public Func<string> AttachObstacle { get; set; } = static () => "";

    public async Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken)
    {
        if (intent.NeedsTarget && AttachObstacle() is { Length: > 0 } obstacle)
        {
            throw IntentException.Unavailable($"no port passes packets: {obstacle}");
        }

        var valid = intent.Validate(_current);
        if (intent.NeedsTarget && _target.Connection is { IsPrimary: false } connection)
        {
            throw IntentException.Unavailable($"the target is not available: {connection.Reason}");
        }

        return await PostAsync(valid, cancellationToken);
    }

    /// <summary>Waits until the target is primary and its tables have been compared with the model.</summary>
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
                { State: SessionState.Disconnected } c => NotReady(TargetState.Disconnected, c.Reason),
                { State: SessionState.Backup } c => NotReady(TargetState.Backup, c.Reason),
                _ => status,
            };

            ProgrammerStatus NotReady(TargetState state, string reason) =>
                status with { Ready = false, Reconciled = false, TargetState = state, TargetReason = reason, PipelineProblem = "" };
        }
    }

    public IReadOnlyList<EndpointView> Endpoints => [.. _views.Values];

    /// <summary>The endpoints by ID; a new object after every change.</summary>
    public ImmutableSortedDictionary<long, EndpointView> EndpointsById => _views;

    public IReadOnlyDictionary<ServiceKey, ServiceView> Services => _services;

    public IEnumerable<RemoteNodeView> RemoteNodes => _remoteNodes.Values;

    public IEnumerable<Neighbor> Neighbors => _neighbors.Values;

    public IReadOnlySet<IPAddress> NextHops => _nextHops;

    public event Action? NextHopsChanged;

    public SnatState Snat => _snat;

    public NodeSettings Node => _current;

    /// <summary>
    /// Stops accepting intents, processes the queued ones within the limit, answers all callers, and checkpoints the store. Table entries
    /// stay on the target.
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
                    IntentError.ResourceExhausted, $"the queue is full ({_queue.Count} requests, {_queue.Bytes} bytes); try again");
            case EnqueueResult.Closed:
                throw ShuttingDown();
        }

        // The loop may have ended between the queue check and the enqueue.
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

    private NetworkModel Load()
    {
        var model = _store.Load();
        ConfiguredUplink.AddTo(model, _node);
        if (!_options.WatchesCluster)
        {
            // They were recorded while the cluster was watched; nothing keeps them current now.
            model.NodeFacts.Set(NodeFacts.Unknown);
            model.Forget();
        }

        if (!_options.WatchesPolicy)
        {
            model.PolicyObjects.Keys.ToList().ForEach(model.PolicyObjects.Remove);
            model.PolicySync.Set(false);
            model.Forget();
        }

        return model;
    }

    /// <summary>Compiles the policies of the model that was just loaded; null if policy is off.</summary>
    private LocalPolicies? NewPolicies()
    {
        if (!(_options.WatchesPolicy || _options.TakesFelix) || !_node.Profile.JudgesPolicy)
        {
            return null;
        }

        LocalPolicies policies = _options.TakesFelix
            ? new LocalFelixPolicies(_options.FelixSource, _options.CountedRows)
            : new LocalKubernetesPolicies(_node.Name, _options.AwaitsPolicy, _options.CountedRows);
        policies.Load(_model, _effective.Of(_model));
        _model.Policies = policies.Bindings;
        return policies;
    }

    private AdmissionControl NewAdmission()
    {
        var admission = new AdmissionControl(_model, _node, _time);
        admission.Services.Adapt();
        _trustedNumber = _model.ServiceIds.Trusted ?? _model.ServiceIds.Last;
        admission.Services.FollowNode();
        RecordTrusted();
        _model.Forget();
        return admission;
    }

    /// <summary>
    /// Remembers, also across restarts, the last ID before those that were allocated while the target's mark was unknown.
    /// </summary>
    private void RecordTrusted()
    {
        if (_trustedNumber is { } trusted && _model.ServiceIds.Last > trusted)
        {
            _model.ServiceIds.SetTrusted(trusted);
        }
    }

    private static IntentException ShuttingDown() => IntentException.Unavailable("shutting down");

    private void Progress() => Volatile.Write(ref _lastProgress, _time.GetTimestamp());

    private void Hook(CrashPoint point) => _options.FaultHook?.Invoke(point);
}
