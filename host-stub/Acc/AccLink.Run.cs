using ACCOffload.HostStub.Claims;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using ACCOffload.Retries;
using Grpc.Core;

namespace ACCOffload.HostStub.Acc;

/// <content>The life of the channel.</content>
internal sealed partial class AccLink
{
    private static readonly TimeSpan ProbeEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan SyncLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan RetryFailedSync = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetireAfter = TimeSpan.FromSeconds(15);

    private string _lastLogged = "";
    private HostDifference? _hostDifference;

    private async Task RunAsync(CancellationToken stop)
    {
        var backoff = new Backoff(FirstBackoff, LongestBackoff);
        while (!stop.IsCancellationRequested)
        {
            AccConnection? connection = null;
            try
            {
                connection = await ConnectAsync(stop);
                backoff.Reset();
                connection = await ServeAsync(connection, c => connection = c, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                NoteFailure(connection, e);
            }
            finally
            {
                if (connection is not null)
                {
                    Close(connection, State.Reason);
                    connection.Dispose();
                }
            }
            await PauseAsync(backoff.Next(), stop);
        }
    }

    // Connects, asks for the state, syncs; what comes back is open for attachments.
    private async Task<AccConnection> ConnectAsync(CancellationToken stop)
    {
        var connection = new AccConnection(_config, _credentials.Load());
        try
        {
            await ProbeAsync(connection, stop);
            await SynchronizeAsync(connection, stop);
            return connection;
        }
        catch (RpcException e)
        {
            var reason = connection.Explain(e);
            connection.Dispose();
            throw new AccException(reason);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private async Task<AccConnection> ServeAsync(AccConnection connection, Action<AccConnection> replaced, CancellationToken stop)
    {
        var missed = 0;
        while (true)
        {
            await WaitAsync(connection, stop);
            if (connection.Lost.IsCancellationRequested)
            {
                throw new AccException("the connection was lost");
            }

            if (_resync || RetryIsDue())
            {
                await SynchronizeAsync(connection, stop);
            }

            if (await RotateAsync(connection, stop) is { } fresh)
            {
                RetireLater(connection);
                connection = fresh;
                replaced(fresh);
            }
            try
            {
                await ProbeAsync(connection, stop);
                missed = 0;
            }
            catch (RpcException) when (++missed < 2 && !connection.Lost.IsCancellationRequested)
            {
                // Once may be a busy moment.
            }
        }
    }

    // Until the connection is lost, somebody wants something, or it is time to look again.
    private async Task WaitAsync(AccConnection connection, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, connection.Lost);
        try
        {
            if (!_resync)
            {
                await _wake.WaitAsync(ProbeEvery, either.Token);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // Lost: the caller sees it.
        }
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stop)
    {
        try
        {
            // Requests that wait for the ACC shorten the pause, but not to nothing.
            await Task.Delay(pause < FirstBackoff ? pause : FirstBackoff, _time, stop);
            if (pause > FirstBackoff)
            {
                await _wake.WaitAsync(pause - FirstBackoff, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: the caller's loop sees it.
        }
    }

    private async Task ProbeAsync(AccConnection connection, CancellationToken stop)
    {
        var host = _claims.AttachedHost();
        var reply = await connection.Client.StatusAsync(new StatusRequest(), deadline: DateTime.UtcNow + ProbeLimit, cancellationToken: stop);
        if (_epoch.IsHeld && reply.Epoch != _claims.Epoch)
        {
            LoseEpoch($"the ACC's is {reply.Epoch}");
            RequestResync();
        }
        NoteHost(reply, host);
        lock (_lock)
        {
            if (_state.Ready != reply.Ready && _state.Synced)
            {
                LogReadiness(reply.Ready ? "ready" : $"not ready: {reply.Reason}");
            }
            // What could not be applied without the target can be now.
            if (reply.Ready && !_state.Ready && _state.SyncFailures.Count > 0)
            {
                _resync = true;
            }

            _state = _state with
            {
                Ready = reply.Ready,
                NotReady = reply.Reason,
                Version = reply.Version,
                Endpoints = reply.Endpoints,
                Conditions = [.. reply.Conditions.Select(c => new AgentCondition(c.Name, c.Ok, c.Reason, c.PreventsAdds))],
                Reason = _open is null ? _state.Reason : reply.Reason,
                UnusableSince = _open is not null && reply.Ready ? null : _state.UnusableSince ?? _time.GetUtcNow(),
                EverUsable = _state.EverUsable || (_open is not null && reply.Ready),
            };
        }
    }

    // Whoever has a copy of our certificate can replace the host's endpoint, and nothing on this host would show it.
    private void NoteHost(StatusReply reply, Claim? host)
    {
        // An ACC of an earlier release does not say; while not synced, or without its target, it need not hold it yet; and what we changed meanwhile proves nothing.
        if (reply.Conditions.Count == 0 || !reply.Ready || host is null || !ReferenceEquals(host, _claims.AttachedHost()))
        {
            return;
        }

        var held = reply.HostEndpoint is { } endpoint
            ? $"the ACC holds port {endpoint.PortName}, MAC {(endpoint.Mac.Length == MacAddress.Length ? new MacAddress(endpoint.Mac.Span).ToString() : "?")}, not {host.PortName}, {host.Mac}"
            : "the ACC holds none";
        var same = reply.HostEndpoint is { } it && it.PortName == host.PortName && it.Mac.Span.SequenceEqual(host.Mac.ToArray());
        bool isNew;
        lock (_lock)
        {
            // What the ACC refused was not taken away by somebody; it is stated again by the Sync that failures bring about.
            var refused = _state.SyncFailures.Any(f => f.StartsWith($"{ACCOffload.HostStub.Cni.AttachmentKey.HostNetwork}/", StringComparison.Ordinal));
            if (_open is null || same || refused)
            {
                _hostDifference = null;
                if (same || refused)
                {
                    _state = _state with { HostDiffers = false };
                }

                return;
            }
            // While our own statement of it is under way the ACC holds what was before, or a port that it lent and we do not know of yet.
            if (_hostDifference is not { } seen || !ReferenceEquals(seen.Host, host) || seen.Held != held)
            {
                _hostDifference = seen = new HostDifference(host, held, _time.GetTimestamp());
            }

            if (_time.GetElapsedTime(seen.Since) <= RestateLimit)
            {
                return;
            }

            isNew = !_state.HostDiffers;
            _state = _state with { HostDiffers = true, HostConflict = $"another client with this node's certificate changed the host's endpoint: {held}", HostConflictSeen = _time.GetUtcNow() };
        }
        if (isNew)
        {
            LogHostConflict(held);
        }
    }

    /// <summary>Begins an epoch if there is none, then states all attachments. Only then the gate opens.</summary>
    private async Task SynchronizeAsync(AccConnection connection, CancellationToken stop)
    {
        if (_overtakenAgain)
        {
            LoseEpoch("requests of this agent are older than what it holds, again and again");
        }

        if (!_epoch.IsHeld)
        {
            await BeginAsync(connection, stop);
        }

        try
        {
            await SyncAsync(connection, stop);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.FailedPrecondition)
        {
            // Epoch or number: a number beyond ours that somebody else sent ends with the epoch.
            LoseEpoch(e.Status.Detail);
            await BeginAsync(connection, stop);
            await SyncAsync(connection, stop);
        }
    }

    private async Task BeginAsync(AccConnection connection, CancellationToken stop)
    {
        if (_epoch.Wait is var wait && wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, _time, stop);
        }

        BeginReply reply;
        try
        {
            var request = new BeginRequest { Agent = _epoch.Agent };
            reply = await connection.Client.BeginAsync(request, deadline: DateTime.UtcNow + SyncLimit, cancellationToken: stop);
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Unimplemented)
        {
            throw new AccException($"the ACC at {_config.Address.Authority} is of an older release than this agent and hands out no epochs: update inframanager there; attachments that exist keep working");
        }
        // What can't be looked for is not taken for absent: without the look nothing is stated.
        await Adopt(reply.Attachments);
        _claims.BeginEpoch(reply.Epoch);
        _epoch.Begun();
        LogBegan(_epoch.Agent, reply.Epoch, reply.Attachments.Count);
    }

    private void LoseEpoch(string reason)
    {
        _overtakenAgain = false;
        _epoch.Lost();
        lock (_lock)
        {
            CloseGate($"the ACC does not take this agent's epoch any more ({reason})");
            _state = _state with { Synced = false, Reason = $"the ACC does not take this agent's epoch any more ({reason})", UnusableSince = _state.UnusableSince ?? _time.GetUtcNow() };
        }
        LogEpochLost(_claims.Epoch, reason, _epoch.Wait);
    }

    private async Task SyncAsync(AccConnection connection, CancellationToken stop)
    {
        _resync = false;
        var snapshot = _claims.TakeSnapshot();
        var reply = await connection.Client.SyncAsync(snapshot.ToProto(), deadline: DateTime.UtcNow + SyncLimit, cancellationToken: stop);
        _claims.Confirm(snapshot);
        string[] failures = [.. reply.Failures.Select(f => $"{f.Key?.Network}/{f.Key?.ContainerId}/{f.Key?.InterfaceName}: {f.Message}")];
        NoteSynced(reply, failures);
        // Something asked again while we were at it: stay closed.
        if (!_resync)
        {
            OpenGate(connection);
        }
    }

    private void NoteSynced(SyncReply reply, string[] failures)
    {
        lock (_lock)
        {
            _state = _state with
            {
                Synced = true,
                Reason = _state.NotReady,
                LastSync = _time.GetUtcNow(),
                SyncFailures = failures,
                UnusableSince = _state.Ready ? null : _state.UnusableSince ?? _time.GetUtcNow(),
                EverUsable = _state.EverUsable || _state.Ready,
            };
            _lastLogged = "";
        }
        LogSynced(_config.Address.Authority, reply.Kept, reply.Added, reply.Removed, failures.Length);
        foreach (var failure in failures)
        {
            LogSyncFailure(failure);
        }
    }

    private bool RetryIsDue()
    {
        var state = State;
        return state.SyncFailures.Count > 0 && _time.GetUtcNow() - state.LastSync > RetryFailedSync;
    }

    // New certificates: the new connection is made before the old one goes, unless the new ones say that the old one is not to be trusted.
    private async Task<AccConnection?> RotateAsync(AccConnection connection, CancellationToken stop)
    {
        var renewed = _credentials.HasOther(connection.CredentialStamp);
        // Half written, or wrong: said once.
        if (_credentials.Problem is { Length: > 0 } problem && problem != _badCredentials)
        {
            LogBadCredentials(problem);
        }

        _badCredentials = _credentials.Problem;
        if (!renewed)
        {
            return null;
        }

        LogRotation();
        return await ConnectAsync(stop);
    }

    private string _badCredentials = "";

    // Requests on their way over the old connection may finish.
    private static void RetireLater(AccConnection connection) =>
        _ = Task.Delay(RetireAfter, CancellationToken.None).ContinueWith(_ => connection.Dispose(), TaskScheduler.Default);

    private void NoteFailure(AccConnection? connection, Exception e)
    {
        var reason = e is RpcException rpc && connection is not null ? connection.Explain(rpc) : e.Message;
        lock (_lock)
        {
            CloseGate(reason);
            _state = _state with { Reason = reason, UnusableSince = _state.UnusableSince ?? _time.GetUtcNow() };
            if (reason == _lastLogged)
            {
                return;
            }

            _lastLogged = reason;
        }
        LogUnreachable(_config.Address.Authority, reason);
    }

    /// <summary>Since when the ACC holds something else for the host than this claim.</summary>
    private sealed record HostDifference(Claim Host, string Held, long Since);
}
