using System.Text;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ACCOffload.P4Runtime.Session;

/// <summary>
/// One controller's session with one P4Runtime target: it connects and reconnects by itself, bids to be primary, checks the pipeline, and writes
/// and reads tables. Members are thread-safe. A write's ambiguous end is a value (<see cref="WriteOutcome.Unknown"/>), every other
/// failed RPC a <see cref="P4RuntimeException"/>.
/// </summary>
public sealed partial class P4RuntimeSession : IAsyncDisposable
{
    private readonly P4RuntimeSessionOptions _options;
    private readonly ILogger _logger;
    private readonly byte[] _role;
    private readonly CertificateMemory _certificates;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource _primary = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SessionState _state;
    private string _reason = "not started";
    private long _connectionId;
    private ElectionId _electionId;
    private LiveConnection? _live;
    private Pipeline? _pipeline;
    private Task _loop = Task.CompletedTask;
    private bool _started;
    private bool _disposed;

    /// <summary>Creates a session that does nothing until <see cref="Start"/>.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public P4RuntimeSession(P4RuntimeSessionOptions options, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        options.Validate();
        _options = options;
        _logger = logger;
        _role = Encoding.UTF8.GetBytes(options.Role);
        _certificates = new CertificateMemory(options.Endpoint);
    }

    /// <summary>Raised after each change of state, one at a time, on the session's own task: handlers must not block.</summary>
    public event Action<SessionStateChange>? StateChanged;

    /// <summary>Raised for each packet that the pipeline sends to the controller. Handlers must not block and not keep the stream waiting.</summary>
    public event Action<ControllerPacket>? PacketReceived;

    /// <summary>Why the certificate files can't be used as they are now, with the file named; empty while they can. The last good ones stay in use.</summary>
    public string CertificateProblem => _certificates.Problem;

    /// <summary>Where the session stands.</summary>
    public SessionState State
    {
        get
        {
            lock (_gate)
            {
                return _state;
            }
        }
    }

    /// <summary>Why the state is what it is; one line, empty while primary.</summary>
    public string StateReason
    {
        get
        {
            lock (_gate)
            {
                return _reason;
            }
        }
    }

    /// <summary>Counts the connections made, from 1. Another number than before means that the target may have restarted in between.</summary>
    public long ConnectionId
    {
        get
        {
            lock (_gate)
            {
                return _connectionId;
            }
        }
    }

    /// <summary>The election id of the last bid.</summary>
    public ElectionId ElectionId
    {
        get
        {
            lock (_gate)
            {
                return _electionId;
            }
        }
    }

    /// <summary>The pipeline that <see cref="EnsurePipelineAsync"/> last found or pushed; null before.</summary>
    public Pipeline? Pipeline => Volatile.Read(ref _pipeline);

    /// <summary>Most updates that <see cref="WriteAsync"/> takes.</summary>
    public int MaxUpdatesPerWrite => _options.MaxUpdatesPerWrite;

    /// <summary>Starts connecting and returns at once. Further calls do nothing.</summary>
    public void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_started)
            {
                return;
            }

            _started = true;
            _reason = "connecting";
            _loop = Task.Run(() => RunAsync(_stop.Token));
        }
    }

    /// <summary>Waits until the session is primary.</summary>
    public async Task WaitForPrimaryAsync(CancellationToken cancellationToken)
    {
        Task waiter;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            waiter = _primary.Task;
        }

        await waiter.WaitAsync(cancellationToken);
    }

    /// <summary>Ends the stream, so that another controller can become primary, and stops. Nothing is deleted on the target.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await _stop.CancelAsync();
        await _loop;
        SetState(SessionState.Disconnected, "stopped");
        lock (_gate)
        {
            _primary.TrySetException(new ObjectDisposedException(nameof(P4RuntimeSession)));
            // Nobody may be waiting.
            _ = _primary.Task.Exception;
        }

        _stop.Dispose();
    }

    private void SetState(SessionState state, string reason)
    {
        SessionStateChange change;
        lock (_gate)
        {
            var old = _state;
            var sameReason = _reason == reason;
            _state = state;
            _reason = reason;
            if (old == state)
            {
                if (!sameReason && state == SessionState.Disconnected)
                {
                    LogStillDisconnected(_options.Endpoint.Address, reason);
                }

                return;
            }

            if (state == SessionState.Primary)
            {
                _primary.TrySetResult();
            }
            else if (old == SessionState.Primary)
            {
                _primary = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            change = new SessionStateChange(old, state, reason, _connectionId);
        }

        LogState(_options.Endpoint.Address, _options.DeviceId, change.Old, change.New, reason);
        try
        {
            StateChanged?.Invoke(change);
        }
        catch (Exception e)
        {
            LogHandlerFailed(e, nameof(StateChanged));
        }
    }

    private LiveConnection Connected(string what)
    {
        var live = Volatile.Read(ref _live);
        return live ?? throw new P4RuntimeException(StatusCode.Unavailable, $"{what} was not sent: no connection to {_options.Endpoint.Address} ({StateReason})");
    }

    private static DateTime Deadline(TimeSpan timeout) => DateTime.UtcNow + timeout;

    private CallOptions Short(CancellationToken cancellationToken) => new(deadline: Deadline(_options.RpcTimeout), cancellationToken: cancellationToken);
}
