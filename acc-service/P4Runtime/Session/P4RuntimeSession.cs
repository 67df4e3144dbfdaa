using System.Text;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Schema;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace ACCOffload.P4Runtime.Session;

/// <summary>
/// A controller's session with a P4Runtime target: it connects and reconnects automatically, bids for the primary role, ensures the
/// pipeline, and writes and reads tables. Thread-safe. A Write returns its <see cref="WriteOutcome"/>, even if it failed; every other
/// failed RPC throws <see cref="P4RuntimeException"/>.
/// </summary>
public sealed partial class P4RuntimeSession : IAsyncDisposable
{
    // The connection is given up before the state changes.
    private const string Replacing = "the connection is being replaced";

    private readonly P4RuntimeSessionOptions _options;
    private readonly ILogger _logger;
    private readonly byte[] _role;
    private readonly CertificateCache _certificates;
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
        _certificates = new CertificateCache(options.Endpoint);
    }

    /// <summary>
    /// Raised after each state change, one at a time, on the session's own task or, for the last one, in <see cref="DisposeAsync"/>.
    /// Handlers must not block.
    /// </summary>
    public event Action<SessionStateChange>? StateChanged;

    /// <summary>Raised for each packet that the pipeline sends to the controller. Handlers must not block: they delay the stream.</summary>
    public event Action<ControllerPacket>? PacketReceived;

    /// <summary>
    /// Why the current certificate files can't be used, with the name of the file; empty if they can. The last good ones stay in use.
    /// </summary>
    public string CertificateProblem => _certificates.Problem;

    /// <summary>State of the session.</summary>
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

    /// <summary>Reason for the state; one line, empty while primary.</summary>
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

    /// <summary>Number of the connection, from 1. A new number means that the target may have restarted in between.</summary>
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

    /// <summary>The election ID of the last bid.</summary>
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

    /// <summary>
    /// The pipeline that <see cref="EnsurePipelineAsync"/> or <see cref="FetchPipelineAsync"/> last found or pushed; null before.
    /// </summary>
    public Pipeline? Pipeline => Volatile.Read(ref _pipeline);

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
            // Mark the exception as observed: nobody may be awaiting the task.
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
        if (live is not null)
        {
            return live;
        }

        lock (_gate)
        {
            var reason = _state == SessionState.Disconnected ? _reason : Replacing;
            throw new P4RuntimeException(
                StatusCode.Unavailable, $"{what} was not sent: no connection to {_options.Endpoint.Address} ({reason})");
        }
    }

    /// <summary>Why a connection can't be used for Writes and packets; null if it can.</summary>
    private string? ObstacleToWrites(LiveConnection? live)
    {
        lock (_gate)
        {
            return _state == SessionState.Primary
                ? live is null ? Replacing : null
                : $"the session is {_state} ({_reason})";
        }
    }

    private static DateTime Deadline(TimeSpan timeout) => DateTime.UtcNow + timeout;

    private CallOptions Short(CancellationToken cancellationToken) =>
        new(deadline: Deadline(_options.RpcTimeout), cancellationToken: cancellationToken);

    [LoggerMessage(1, LogLevel.Information, "P4Runtime target {Address}, device {DeviceId}: {Old} -> {New} {Reason}")]
    private partial void LogState(string address, ulong deviceId, SessionState old, SessionState @new, string reason);

    [LoggerMessage(2, LogLevel.Warning, "P4Runtime target {Address} is still unavailable: {Reason}")]
    private partial void LogStillDisconnected(string address, string reason);

    [LoggerMessage(3, LogLevel.Error, "Handler of {Event} failed")]
    private partial void LogHandlerFailed(Exception exception, string @event);

    [LoggerMessage(4, LogLevel.Warning, "Stream error from the target: {Code}: {Message}")]
    private partial void LogStreamError(StatusCode code, string message);

    [LoggerMessage(5, LogLevel.Debug, "Ignored an arbitration answer for election ID {Id}; ours is {Ours}")]
    private partial void LogForeignElection(ElectionId id, ElectionId ours);

    [LoggerMessage(6, LogLevel.Warning, "The changed certificates can't be used, keeping the current connection: {Reason}")]
    private partial void LogCertificatesUnusable(string reason);

    [LoggerMessage(7, LogLevel.Information, "Pushing pipeline {Pipeline} (cookie 0x{Cookie:x16}; the target has {Found})")]
    private partial void LogPush(string pipeline, ulong cookie, string found);

    [LoggerMessage(8, LogLevel.Warning, "Write of {Count} updates: {Outcome}, {Failed} failed: {Message}")]
    private partial void LogWriteFailed(int count, WriteOutcome outcome, int failed, string message);
}
