using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// The one warm channel to the ACC. It connects, states all attachments by Sync, and only then lets new ones pass; it does
/// so again after every loss, after every request whose outcome is unknown, and when the certificates on disk change.
/// </summary>
internal sealed partial class AccLink : IAsyncDisposable
{
    /// <summary>How long an attachment that is stated outside of an ADD may wait for its answer.</summary>
    public static readonly TimeSpan RestateLimit = TimeSpan.FromSeconds(5);

    private const int MostOvertaken = 3;

    private readonly AccConfig _config;
    private readonly ClaimTable _claims;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly AccCredentialMemory _credentials;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly Lock _lock = new();
    private readonly EpochHolder _epoch;
    private AccConnection? _open;
    private TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private AccState _state;
    private volatile bool _resync;
    private volatile bool _overtakenAgain;
    private Task _run = Task.CompletedTask;

    public AccLink(AccConfig config, ClaimTable claims, TimeProvider time, ILoggerFactory loggers)
    {
        _config = config;
        _claims = claims;
        _time = time;
        _epoch = new EpochHolder(time);
        _logger = loggers.CreateLogger(Logging.LogFeature.Acc);
        _credentials = new AccCredentialMemory(config, time);
        _state = new AccState { Reason = "not connected yet", UnusableSince = time.GetUtcNow() };
    }

    public AccState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>Called with what the ACC holds of this host, before the first Sync of an epoch. While it fails nothing is stated.</summary>
    public Func<IReadOnlyList<AttachRequest>, Task> Adopt { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Why the certificate files can't be used as they are now, with the file named; empty while they can.</summary>
    public string CertificateProblem => _credentials.Problem;

    public void Start() => _run = Task.Run(() => RunAsync(_stop.Token));

    /// <summary>Waits until attachments may pass.</summary>
    /// <exception cref="CniException">Error 11 after the limit, with the reason.</exception>
    public async Task WaitOpenAsync(TimeSpan limit, CancellationToken cancel)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timeout.CancelAfter(limit);
        while (Current() is null)
        {
            Wake();
            try
            {
                await Opened().WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw Unreachable();
            }
        }
    }

    /// <summary>
    /// Attaches; waits while the channel is being re-made, and repeats what a lost connection swallowed or a Sync overtook, each time as a new
    /// request: the ACC refuses one that is older than a Sync it has seen.
    /// </summary>
    /// <exception cref="CniException">The ACC refused, or the time is over.</exception>
    public async Task<AttachReply> AttachAsync(Claim claim, DateTime deadline, CancellationToken cancel)
    {
        for (var overtaken = 0; ;)
        {
            var left = deadline - DateTime.UtcNow;
            if (left <= TimeSpan.Zero)
            {
                throw Unreachable();
            }

            await WaitOpenAsync(left, cancel);
            if (Current() is not { } connection)
            {
                continue;
            }

            var (epoch, sequence) = _claims.NextSequence();
            try
            {
                return await connection.Client.AttachAsync(claim.ToProto(epoch, sequence), deadline: deadline, cancellationToken: cancel);
            }
            catch (RpcException e)
            {
                // Once a Sync may have been faster. A second time the number is of no use, whatever the ACC holds.
                if (e.StatusCode == StatusCode.FailedPrecondition && overtaken > 0)
                {
                    _overtakenAgain = true;
                }

                if (e.StatusCode == StatusCode.FailedPrecondition || !AccErrors.IsDefinite(e.StatusCode))
                {
                    RequestResync();
                }

                if (connection.Lost.IsCancellationRequested)
                {
                    Close(connection, "the connection was lost");
                }
                else if (e.StatusCode != StatusCode.FailedPrecondition || ++overtaken > MostOvertaken)
                {
                    throw AccErrors.ToCni($"attach {claim.Key.ContainerId}/{claim.Key.InterfaceName}", e);
                }
            }
            catch (ObjectDisposedException)
            {
                Close(connection, "the connection was lost");
            }
        }
    }

    /// <summary>States an attachment once more if the ACC can be reached now.</summary>
    /// <returns>False when there is no telling: the ACC is away, is being synchronized, or can't program its target. The next Sync states it.</returns>
    /// <exception cref="CniException">The ACC refused the attachment.</exception>
    public async Task<bool> TryAttachAsync(Claim claim, TimeSpan limit)
    {
        if (Current() is not { } connection)
        {
            return false;
        }

        var (epoch, sequence) = _claims.NextSequence();
        try
        {
            await connection.Client.AttachAsync(claim.ToProto(epoch, sequence), deadline: DateTime.UtcNow + limit);
            return true;
        }
        catch (RpcException e) when (AccErrors.IsDefinite(e.StatusCode) && e.StatusCode is not (StatusCode.FailedPrecondition or StatusCode.ResourceExhausted))
        {
            throw AccErrors.ToCni($"attach {claim.Key.ContainerId}/{claim.Key.InterfaceName}", e);
        }
        catch (RpcException)
        {
            RequestResync();
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Detaches now if the ACC can be reached.</summary>
    /// <returns>False when the ACC still has to be told: the next Sync will.</returns>
    public async Task<bool> TryDetachAsync(AttachmentKey key, TimeSpan limit)
    {
        if (Current() is not { } connection)
        {
            return false;
        }

        var (epoch, sequence) = _claims.NextSequence();
        try
        {
            await connection.Client.DetachAsync(new DetachRequest { Key = key.ToProto(), Epoch = epoch, Sequence = sequence }, deadline: DateTime.UtcNow + limit);
            return true;
        }
        catch (RpcException e)
        {
            LogDetachFailed(key, connection.Explain(e));
            RequestResync();
            return false;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>No new attachment passes until all of them have been stated again.</summary>
    public void RequestResync()
    {
        _resync = true;
        lock (_lock)
        {
            CloseGate("synchronizing");
        }

        Wake();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
        _wake.Dispose();
    }

    private CniException Unreachable() =>
        new(CniErrorCode.TryAgainLater, $"the ACC at {_config.Address.Authority} is unreachable, try again later", State.Reason);

    private AccConnection? Current()
    {
        lock (_lock)
        {
            return _open;
        }
    }

    private Task Opened()
    {
        lock (_lock)
        {
            return _opened.Task;
        }
    }

    private void Wake()
    {
        try
        {
            if (_wake.CurrentCount == 0)
            {
                _wake.Release();
            }
        }
        catch (Exception e) when (e is SemaphoreFullException or ObjectDisposedException)
        {
            // Two at once, or at the end: awake anyway.
        }
    }

    private void OpenGate(AccConnection connection)
    {
        lock (_lock)
        {
            _open = connection;
            _opened.TrySetResult();
        }
    }

    private void Close(AccConnection connection, string reason)
    {
        lock (_lock)
        {
            if (ReferenceEquals(_open, connection))
            {
                CloseGate(reason);
            }
        }
        Wake();
    }

    // Under the lock.
    private void CloseGate(string reason)
    {
        if (_open is null)
        {
            return;
        }

        _open = null;
        _opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _state = _state with { Synced = false, Reason = reason, UnusableSince = _state.UnusableSince ?? _time.GetUtcNow() };
    }
}
