using ACCOffload.HostStub.Claims;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.Protos.V1;
using ACCOffload.Retries;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using AttachmentKey = ACCOffload.HostStub.Cni.AttachmentKey;

namespace ACCOffload.HostStub.Acc;

/// <content>The loop that keeps the channel open.</content>
internal sealed partial class AccLink
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan SyncLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FailedSyncRetry = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetireAfter = TimeSpan.FromSeconds(15);

    private string _lastLogged = "";
    private string _servicesProblem = "";
    private HostDifference? _hostDifference;

    private async Task RunAsync(CancellationToken stop)
    {
        var backoff = new Backoff(FirstBackoff, MaxBackoff);
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
                RecordFailure(connection, e);
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

    // Connects, asks for the state and synchronizes. Attachments are admitted on the returned connection.
    private async Task<AccConnection> ConnectAsync(CancellationToken stop)
    {
        var connection = new AccConnection(_config, _credentials.Load());
        try
        {
            await ProbeAsync(connection, stop);
            await SynchronizeAsync(connection, stop);
            _rotationProblem = "";
            return connection;
        }
        catch (RpcException e)
        {
            var refused = new AccException(connection.Explain(e)) { IsPeerRefused = connection.Refusal is not null };
            connection.Dispose();
            throw refused;
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
                // A single failure may be transient.
            }
        }
    }

    // Until the connection is lost, a request needs attention, or the next probe is due.
    private async Task WaitAsync(AccConnection connection, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, connection.Lost);
        try
        {
            if (!_resync)
            {
                await _wake.WaitAsync(ProbeInterval, either.Token);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            // The connection was lost, which the caller sees.
        }
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stop)
    {
        try
        {
            // Requests that wait for the ACC shorten the pause, but not below the first backoff.
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
        var reply = await connection.Client.StatusAsync(
            new StatusRequest(), deadline: DateTime.UtcNow + ProbeLimit, cancellationToken: stop);
        if (_epoch.IsHeld && reply.Epoch != _claims.Epoch)
        {
            LoseEpoch($"the ACC's epoch is {reply.Epoch}");
            RequestResync();
        }
        CheckHostEndpoint(reply, host);
        var services = ReadServices(reply);
        lock (_lock)
        {
            if (_state.Ready != reply.Ready && _state.Synced)
            {
                LogReadiness(reply.Ready ? "ready" : $"not ready: {reply.Reason}");
            }
            // Attachments that failed because the target was missing may succeed now.
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
                Services = services ?? _state.Services,
                Healthy = reply.Healthy,
                LastAnswer = _time.GetUtcNow(),
                Conditions = [.. reply.Conditions.Select(c => new AgentCondition(c.Name, c.Ok, c.Reason, c.PreventsAdds))],
                Reason = _open is null ? _state.Reason : reply.Reason,
                UnusableSince = _open is not null && reply.Ready ? null : _state.UnusableSince ?? _time.GetUtcNow(),
                EverUsable = _state.EverUsable || (_open is not null && reply.Ready),
            };
        }

        Answered();
    }

    /// <returns>Null for none, or for an invalid one.</returns>
    private HostServices? ReadServices(StatusReply reply)
    {
        if (reply.HostServices is not { } message)
        {
            return null;
        }

        var services = HostServices.Of(message, out var problem);
        if (problem != _servicesProblem && problem.Length > 0)
        {
            LogServices(problem);
        }

        _servicesProblem = problem;
        return services;
    }

    // Detects another client with a copy of this node's certificate that replaced the host's endpoint. Nothing on this host would show it.
    private void CheckHostEndpoint(StatusReply reply, Claim? host)
    {
        // An ACC of an earlier release does not report the endpoint. An ACC that is not synchronized or lacks its target may not hold it
        // yet. The claim may have changed since the request.
        if (reply.Conditions.Count == 0 || !reply.Ready || host is null || !ReferenceEquals(host, _claims.AttachedHost()))
        {
            return;
        }

        var held = reply.HostEndpoint is { } endpoint
            ? $"the ACC holds port {endpoint.PortName}, MAC {MacOf(endpoint.Mac.Span)}, not {host.PortName}, {host.Mac}"
            : "the ACC holds none";
        var same = reply.HostEndpoint is { } it && it.PortName == host.PortName && it.Mac.Span.SequenceEqual(host.Mac.ToArray());
        bool isNew;
        lock (_lock)
        {
            // An endpoint that the ACC refused was not replaced by another client. The Sync that retries failures states it again.
            var refused = _state.SyncFailures.Any(f => f.StartsWith($"{AttachmentKey.HostNetwork}/", StringComparison.Ordinal));
            if (_open is null || same || refused)
            {
                _hostDifference = null;
                if (same || refused)
                {
                    _state = _state with { HostDiffers = false };
                }

                return;
            }
            // While the agent is stating it, the ACC has the previous endpoint, or a port that it assigned and the agent does not know yet.
            if (_hostDifference is not { } seen || !ReferenceEquals(seen.Host, host) || seen.Held != held)
            {
                _hostDifference = seen = new HostDifference(host, held, _time.GetTimestamp());
            }

            if (_time.GetElapsedTime(seen.Since) <= RestateLimit)
            {
                return;
            }

            isNew = !_state.HostDiffers;
            _state = _state with
            {
                HostDiffers = true,
                HostConflict = $"another client with this node's certificate changed the host's endpoint: {held}",
                HostConflictSeen = _time.GetUtcNow(),
            };
        }
        if (isNew)
        {
            LogHostConflict(held);
        }
    }

    private static string MacOf(ReadOnlySpan<byte> mac) => mac.Length == MacAddress.Length ? new MacAddress(mac).ToString() : "?";

    /// <summary>Begins an epoch if there is none, then states all attachments. Only then are new attachments admitted.</summary>
    private async Task SynchronizeAsync(AccConnection connection, CancellationToken stop)
    {
        if (_overtakenAgain)
        {
            LoseEpoch("the ACC repeatedly refused this agent's requests as outdated");
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
            // The epoch or the sequence number is outdated. A new epoch also voids a higher sequence number that another client sent.
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
            throw new AccException($"the ACC at {_config.Address.Authority} runs a release that is older than this agent and assigns "
                + "no epochs: update inframanager there; existing attachments keep working");
        }
        // If adoption fails, there is no Sync: it would remove attachments that exist but were not found.
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
            SetUnusable($"the ACC no longer accepts this agent's epoch ({reason})");
        }
        LogEpochLost(_claims.Epoch, reason, _epoch.Wait);
    }

    private async Task SyncAsync(AccConnection connection, CancellationToken stop)
    {
        _resync = false;
        var snapshot = _claims.TakeSnapshot();
        SyncReply reply;
        try
        {
            reply = await connection.Client.SyncAsync(snapshot.ToProto(), deadline: DateTime.UtcNow + SyncLimit, cancellationToken: stop);
        }
        catch
        {
            // Still due, on whichever connection is used next.
            _resync = true;
            throw;
        }

        _claims.Confirm(snapshot);
        string[] failures = [.. reply.Failures.Select(f => $"{f.Key?.Network}/{f.Key?.ContainerId}/{f.Key?.InterfaceName}: {f.Message}")];
        RecordSync(reply, failures);
        // Another resync was requested in the meantime: stay closed.
        if (!_resync)
        {
            OpenGate(connection);
        }
    }

    private void RecordSync(SyncReply reply, string[] failures)
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
        return state.SyncFailures.Count > 0 && _time.GetUtcNow() - state.LastSync > FailedSyncRetry;
    }

    // Opens a connection with the new certificates before the old one is closed. If that fails, the old one stays in use, and the next
    // attempt follows the next probe. It ends at once if its peer may no longer be trusted: the ACC is refused under the new certificates,
    // or these lack one of the CAs by which its peer was judged.
    private async Task<AccConnection?> RotateAsync(AccConnection connection, CancellationToken stop)
    {
        var renewed = _credentials.HasChanged(connection.CredentialStamp);
        // Incomplete or not valid: logged once.
        if (_credentials.Problem is { Length: > 0 } problem && problem != _badCredentials)
        {
            LogBadCredentials(problem);
        }

        _badCredentials = _credentials.Problem;
        if (!renewed)
        {
            return null;
        }

        if (_rotationProblem.Length == 0)
        {
            LogRotation();
        }

        try
        {
            return await ConnectAsync(stop);
        }
        catch (Exception e) when (e is not (OperationCanceledException or AccException { IsPeerRefused: true })
            && _credentials.StillTrusts(connection.Authorities))
        {
            if (_rotationProblem != e.Message)
            {
                LogRotationFailed(_config.Address.Authority, e.Message);
            }

            _rotationProblem = e.Message;
            return null;
        }
    }

    private string _badCredentials = "";
    private string _rotationProblem = "";

    // Requests in flight on the old connection can complete.
    private static void RetireLater(AccConnection connection) =>
        _ = Task.Delay(RetireAfter, CancellationToken.None).ContinueWith(_ => connection.Dispose(), TaskScheduler.Default);

    private void RecordFailure(AccConnection? connection, Exception e)
    {
        var reason = e is RpcException rpc && connection is not null ? connection.Explain(rpc) : e.Message;
        lock (_lock)
        {
            SetUnusable(reason);
            if (reason == _lastLogged)
            {
                return;
            }

            _lastLogged = reason;
        }
        LogUnreachable(_config.Address.Authority, reason);
    }

    /// <summary>Since when the ACC's host endpoint has differed from this claim.</summary>
    private sealed record HostDifference(Claim Host, string Held, long Since);

    [LoggerMessage(
        LogLevel.Information, "Synchronized with the ACC at {Address}: {Kept} kept, {Added} added, {Removed} removed, {Failed} failed")]
    private partial void LogSynced(string address, uint kept, uint added, uint removed, int failed);

    [LoggerMessage(LogLevel.Error, "The ACC could not apply an attachment: {Failure}")]
    private partial void LogSyncFailure(string failure);

    [LoggerMessage(LogLevel.Warning, "The ACC at {Address} is unreachable: {Reason}")]
    private partial void LogUnreachable(string address, string reason);

    [LoggerMessage(LogLevel.Warning, "The ACC's report of the host's service traffic is invalid and not used: {Problem}")]
    private partial void LogServices(string problem);

    [LoggerMessage(LogLevel.Warning, "The ACC is {State}")]
    private partial void LogReadiness(string state);

    [LoggerMessage(LogLevel.Warning, "Detach of {Key} is delayed until the next Sync: {Reason}")]
    private partial void LogDetachFailed(AttachmentKey key, string reason);

    [LoggerMessage(LogLevel.Information, "The ACC assigned epoch {Epoch} to this agent, {Agent}; it has {Held} attachments of this host")]
    private partial void LogBegan(string agent, ulong epoch, int held);

    [LoggerMessage(
        LogLevel.Warning,
        "The ACC no longer accepts epoch {Epoch} ({Reason}): the operator reset the host, the ACC's database was lost, or another "
            + "agent uses this node's certificate. Requesting a new one in {Wait}")]
    private partial void LogEpochLost(ulong epoch, string reason, TimeSpan wait);

    [LoggerMessage(LogLevel.Error, "The certificate files changed but can't be used, the old ones stay in use: {Reason}")]
    private partial void LogBadCredentials(string reason);

    [LoggerMessage(
        LogLevel.Error,
        "Another client with this node's certificate changed the host's endpoint: {Held}. The agent states it again; if that client is "
            + "not yours, replace the certificate and revoke the old one")]
    private partial void LogHostConflict(string held);

    [LoggerMessage(LogLevel.Information, "The certificate files changed: reconnecting")]
    private partial void LogRotation();

    [LoggerMessage(
        LogLevel.Warning,
        "The ACC at {Address} cannot be reached with the new certificates: {Reason}. The connection stays in use, trying again")]
    private partial void LogRotationFailed(string address, string reason);
}
