using ACCOffload.P4Runtime.Channels;
using ACCOffload.Retries;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Session;

public sealed partial class P4RuntimeSession
{
    private async Task RunAsync(CancellationToken stop)
    {
        var backoff = new Backoff(_options.BackoffMin, _options.BackoffMax);
        while (!stop.IsCancellationRequested)
        {
            var start = _options.TimeProvider.GetTimestamp();
            var planned = false;
            string reason;
            try
            {
                (reason, planned) = await ConnectAsync(stop);
            }
            catch (Exception e)
            {
                reason = RpcFault.Describe(e);
            }

            if (stop.IsCancellationRequested)
            {
                return;
            }

            SetState(SessionState.Disconnected, reason);
            if (planned)
            {
                continue;
            }

            // Only a connection that lasted resets the back-off: a target that accepts and closes at once must not be hammered.
            if (_options.TimeProvider.GetElapsedTime(start) > _options.BackoffMax)
            {
                backoff.Reset();
            }

            try
            {
                await Task.Delay(backoff.Next(), _options.TimeProvider, stop);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<(string Reason, bool Planned)> ConnectAsync(CancellationToken stop)
    {
        var channel = new TargetChannel(_options.Endpoint, _certificates, _options.RpcTimeout,
            TargetChannel.HeaderBytesFor(_options.MaxUpdatesPerWrite, _options.MinHeaderBytes));
        using var live = new LiveConnection(channel, NextElectionId(), stop);
        var tasks = new List<Task> { LimitArbitrationAsync(live, live.NextBid()), WatchCertificatesAsync(live) };
        try
        {
            await BidAsync(live);
            while (await live.Stream.ResponseStream.MoveNext(live.Ended))
            {
                Receive(live, live.Stream.ResponseStream.Current, tasks);
            }

            return ("the target closed the stream", false);
        }
        catch (Exception) when (live.EndReason is not null)
        {
            return (live.EndReason, live.IsPlannedEnd);
        }
        catch (InvalidOperationException) when (!stop.IsCancellationRequested)
        {
            // The stream broke during a write; its status has the reason.
            return (await FailureOfAsync(live), false);
        }
        finally
        {
            Volatile.Write(ref _live, null);
            live.End("the connection ended");
            await Task.WhenAll(tasks);
        }
    }

    private static async Task<string> FailureOfAsync(LiveConnection live)
    {
        try
        {
            await live.Stream.ResponseStream.MoveNext(live.Ended);
            return "the target closed the stream";
        }
        catch (Exception e)
        {
            return RpcFault.Describe(e);
        }
    }

    private ElectionId NextElectionId()
    {
        lock (_gate)
        {
            // After a reconnect, bid only slightly higher than before: this outbids our own stale stream, but no later controller.
            return _electionId = _electionId == default ? ElectionId.FromTime(_options.TimeProvider.GetUtcNow()) : _electionId.Next();
        }
    }

    private Task BidAsync(LiveConnection live) => live.SendAsync(
        new StreamMessageRequest
        {
            Arbitration = new MasterArbitrationUpdate
            {
                DeviceId = _options.DeviceId,
                Role = _options.Role.Length == 0 ? null : new Role { Name = _options.Role },
                ElectionId = live.ElectionId.ToProto(),
            },
        },
        live.Ended);

    private async Task LimitArbitrationAsync(LiveConnection live, int bid)
    {
        try
        {
            await Task.Delay(_options.RpcTimeout, _options.TimeProvider, live.Ended);
            if (!live.IsAnswered(bid))
            {
                live.End($"no arbitration answer within {_options.RpcTimeout.TotalSeconds:0.#} s");
            }
        }
        catch (OperationCanceledException)
        {
            // The connection ended first.
        }
    }

    private async Task WatchCertificatesAsync(LiveConnection live)
    {
        if (_options.Endpoint.UnixPath is not null)
        {
            return;
        }

        try
        {
            while (true)
            {
                await Task.Delay(_options.Endpoint.CertificateCheckInterval, _options.TimeProvider, live.Ended);
                if (!HasUsableNewCertificates(live.Channel.Stamp))
                {
                    continue;
                }

                // An established connection keeps the old certificates, so replace it. Let Writes in progress finish first.
                Volatile.Write(ref _live, null);
                var start = _options.TimeProvider.GetTimestamp();
                while (!live.IsIdle && _options.TimeProvider.GetElapsedTime(start) < _options.RpcTimeout)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(20), _options.TimeProvider, live.Ended);
                }

                live.End("the certificates changed", planned: true);
            }
        }
        catch (OperationCanceledException)
        {
            // The connection ended.
        }
    }

    private bool HasUsableNewCertificates(CertificateStamp stamp)
    {
        var before = _certificates.Problem;
        // The connection uses earlier files, so this returns those if the current ones are missing or half written.
        var files = _certificates.Current();
        if (_certificates.Problem is { Length: > 0 } problem && problem != before)
        {
            LogCertificatesUnusable(problem);
        }

        return files.Stamp != stamp;
    }

    private void Receive(LiveConnection live, StreamMessageResponse message, List<Task> tasks)
    {
        switch (message.UpdateCase)
        {
            case StreamMessageResponse.UpdateOneofCase.Arbitration:
                Arbitrate(live, message.Arbitration, tasks);
                break;
            case StreamMessageResponse.UpdateOneofCase.Packet:
                Deliver(message.Packet);
                break;
            case StreamMessageResponse.UpdateOneofCase.Error:
                LogStreamError((StatusCode)message.Error.CanonicalCode, RpcFault.OneLine(message.Error.Message));
                break;
        }
    }

    private void Arbitrate(LiveConnection live, MasterArbitrationUpdate update, List<Task> tasks)
    {
        var code = (StatusCode)(update.Status?.Code ?? 0);
        var id = ElectionId.FromProto(update.ElectionId);
        if (update.DeviceId != _options.DeviceId || (update.Role?.Name ?? "") != _options.Role)
        {
            var role = RpcFault.OneLine(update.Role?.Name ?? "");
            live.End($"the target answered for device {update.DeviceId}, role '{role}' "
                + $"instead of device {_options.DeviceId}, role '{_options.Role}'");
            return;
        }

        switch (code)
        {
            case StatusCode.OK when id == live.ElectionId:
                Answered(live);
                SetState(SessionState.Primary, "");
                break;
            case StatusCode.OK:
                // The answer is to an older bid of ours, or invalid. The time limit for the answer handles the latter case.
                LogForeignElection(id, live.ElectionId);
                break;
            case StatusCode.AlreadyExists:
                Answered(live);
                SetState(SessionState.Backup, $"another controller is primary (election ID {id})");
                if (_options.TakeOver)
                {
                    Reelect(live, id, tasks);
                }

                break;
            case StatusCode.NotFound:
                Answered(live);
                SetState(SessionState.Backup, $"there is no primary, but a higher election ID was used before ({id})");
                Reelect(live, id, tasks);
                break;
            default:
                live.End($"the target refused our bid: {RpcFault.Name(code)}: {RpcFault.OneLine(update.Status?.Message ?? "")}");
                break;
        }
    }

    private void Answered(LiveConnection live)
    {
        if (!live.Answer())
        {
            return;
        }

        lock (_gate)
        {
            _connectionId++;
        }

        Volatile.Write(ref _live, live);
    }

    private void Reelect(LiveConnection live, ElectionId seen, List<Task> tasks)
    {
        if (live.IsReelecting)
        {
            return;
        }

        live.IsReelecting = true;
        tasks.RemoveAll(t => t.IsCompletedSuccessfully);
        tasks.Add(ReelectAsync(live, seen));
    }

    private async Task ReelectAsync(LiveConnection live, ElectionId seen)
    {
        try
        {
            // Back off: two controllers that both take over would otherwise outbid each other continuously.
            await Task.Delay(live.ReelectBackoff(_options).Next(), _options.TimeProvider, live.Ended);
            var now = ElectionId.FromTime(_options.TimeProvider.GetUtcNow());
            var id = now > seen ? now : seen.Next();
            lock (_gate)
            {
                _electionId = live.ElectionId = id > _electionId ? id : _electionId.Next();
            }

            live.IsReelecting = false;
            await Task.WhenAll(LimitArbitrationAsync(live, live.NextBid()), BidAsync(live));
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException or InvalidOperationException)
        {
            // The connection ended; the reader reports the reason.
        }
    }
}
