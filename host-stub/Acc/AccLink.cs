using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;
using ACCOffload.Protos.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Acc;

/// <summary>
/// The persistent channel to the ACC. It connects, states all attachments by Sync, and only then admits new ones. It repeats this after
/// every connection loss, after every request whose outcome is unknown, and when the certificates on disk change.
/// </summary>
internal sealed partial class AccLink : IAsyncDisposable
{
    /// <summary>Time limit for an attachment that is stated outside of an ADD.</summary>
    public static readonly TimeSpan RestateLimit = TimeSpan.FromSeconds(5);

    private const int MaxOvertaken = 3;

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
        _logger = loggers.CreateLogger(LogFeature.Acc);
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

    /// <summary>
    /// Called with the attachments of this host that the ACC holds, before the first Sync of an epoch. No Sync is made while it fails.
    /// </summary>
    public Func<IReadOnlyList<AttachRequest>, Task> Adopt { get; set; } = static _ => Task.CompletedTask;

    /// <summary>Called after each answer to a probe, which is in <see cref="State"/>.</summary>
    public Action Answered { get; set; } = static () => { };

    /// <summary>Why the current certificate files can't be used, naming the file; empty while they can.</summary>
    public string CertificateProblem => _credentials.Problem;

    public void Start() => _run = Task.Run(() => RunAsync(_stop.Token));

    /// <summary>Waits until new attachments are admitted.</summary>
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
    /// Attaches. Waits while the channel reconnects, and repeats a request that was lost with the connection or overtaken by a Sync, each
    /// time with a new sequence number: the ACC refuses a request that is older than the last Sync.
    /// </summary>
    /// <exception cref="CniException">The ACC refused, or the deadline passed.</exception>
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
                // A Sync can overtake a request once. If it happens again, the ACC has a higher number than this agent has sent.
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
                else if (e.StatusCode != StatusCode.FailedPrecondition || ++overtaken > MaxOvertaken)
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

    /// <summary>States an attachment again if the ACC can be reached now.</summary>
    /// <returns>False when the outcome is unknown: the ACC is unreachable, is being synchronized, or can't program its target. The next
    /// Sync states it.</returns>
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
        catch (RpcException e) when (AccErrors.IsDefinite(e.StatusCode)
            && e.StatusCode is not (StatusCode.FailedPrecondition or StatusCode.ResourceExhausted))
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

    /// <summary>Detaches if the ACC can be reached now.</summary>
    /// <returns>False when the ACC did not confirm it; the next Sync covers it.</returns>
    public async Task<bool> TryDetachAsync(AttachmentKey key, TimeSpan limit)
    {
        if (Current() is not { } connection)
        {
            return false;
        }

        var (epoch, sequence) = _claims.NextSequence();
        try
        {
            await connection.Client.DetachAsync(
                new DetachRequest { Key = key.ToProto(), Epoch = epoch, Sequence = sequence }, deadline: DateTime.UtcNow + limit);
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

    /// <summary>Admits no new attachment until all have been stated again.</summary>
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
            // Already awake, or stopping.
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
        if (_open is not null)
        {
            SetUnusable(reason);
        }
    }

    // Under the lock. The gate may be closed already, with a resync under way.
    private void SetUnusable(string reason)
    {
        if (_open is not null)
        {
            _open = null;
            _opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _state = _state with { Synced = false, Reason = reason, UnusableSince = _state.UnusableSince ?? _time.GetUtcNow() };
    }
}
