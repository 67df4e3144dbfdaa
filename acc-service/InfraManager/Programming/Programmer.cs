#pragma warning disable IDE0052, IDE0044, IDE0051, CS0649, CS0169, CS0414, IDE0060
using ACCOffload.InfraManager.Model;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.P4Runtime;

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
    private Task? _loop;
    private volatile bool _finished;
    private long _lastProgress;
    private volatile ProgrammerStatus _status;
    private volatile IReadOnlyList<EndpointView> _endpoints = [];
    private TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

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
        _status = null!;
    }

    /// <summary>When the loop last made progress, as a timestamp of the time provider; while idle it does every few seconds.</summary>
    public long LastProgress => Volatile.Read(ref _lastProgress);

    /// <summary>Whether the loop runs and makes progress; false feeds no watchdog.</summary>
    public bool IsHealthy => _loop is { IsCompleted: false } && _time.GetElapsedTime(LastProgress) < _options.StuckAfter;

    /// <summary>Starts the loop: it reconciles as soon as the target is primary.</summary>
    public void Start() => throw new NotImplementedException();

    /// <summary>Creates, repeats or changes an attachment. Returns when it holds durably and on the target.</summary>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<AttachOutcome> SubmitAsync(AttachIntent intent, CancellationToken cancellationToken) =>
        (AttachOutcome)await PostAsync(intent, cancellationToken).ConfigureAwait(false);

    /// <summary>Removes an attachment. Returns when that is durable, and done on the target if it can be reached.</summary>
    /// <exception cref="IntentException">Refused or failed.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<DetachOutcome> SubmitAsync(DetachIntent intent, CancellationToken cancellationToken) =>
        (DetachOutcome)await PostAsync(intent, cancellationToken).ConfigureAwait(false);

    /// <summary>Makes the node's attachments those that are listed.</summary>
    /// <exception cref="IntentException">Refused or failed as a whole.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the intent was drained already, it takes its course.</exception>
    public async Task<SyncOutcome> SubmitAsync(SyncIntent intent, CancellationToken cancellationToken) =>
        (SyncOutcome)await PostAsync(intent, cancellationToken).ConfigureAwait(false);

    /// <summary>Returns once the target is primary and its tables equal the model.</summary>
    public Task WaitReadyAsync(CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>A consistent snapshot; the queue's length is of now.</summary>
    public ProgrammerStatus GetStatus() => throw new NotImplementedException();

    /// <summary>The endpoints as of the last batch.</summary>
    public IReadOnlyList<EndpointView> GetEndpoints() => _endpoints;

    /// <summary>Accepts nothing more, works off what is queued within the limit, answers every caller, and checkpoints the store. Entries stay.</summary>
    public Task StopAsync(TimeSpan limit) => throw new NotImplementedException();

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        _abort.Dispose();
    }

    private Task<object> PostAsync(Intent intent, CancellationToken cancellationToken) => throw new NotImplementedException();
}
