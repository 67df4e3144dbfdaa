using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;
using ACCOffload.P4Runtime.TestKit;
using ACCOffload.P4Runtime.Tests.Support;
using ACCOffload.P4Wire;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class SessionTests
{
    [Fact]
    public async Task A_session_becomes_primary_with_an_election_id_from_the_clock()
    {
        await using var target = await TestTarget.StartAsync();
        var before = ElectionId.FromTime(DateTimeOffset.UtcNow);
        await using var session = await target.PrimaryAsync(o => o with { DeviceId = 9 });
        var bid = Assert.Single(target.Behaviour.Bids);
        Assert.Equal(9ul, bid.DeviceId);
        Assert.True(session.ElectionId >= before);
        Assert.Equal(session.ElectionId, ElectionId.FromProto(bid.ElectionId));
        Assert.Equal(1, session.ConnectionId);
        Assert.Equal("", session.StateReason);
        Assert.Equal("1.5.0", await session.GetApiVersionAsync(default));
    }

    [Fact]
    public void Options_out_of_range_are_rejected_by_name()
    {
        var good = new P4RuntimeSessionOptions { Endpoint = new TargetEndpoint { Address = "unix:/x" } };
        good.Validate();
        Refused(good with { DeviceId = 0 }, "DeviceId");
        Refused(good with { MaxUpdatesPerWrite = 0 }, "MaxUpdatesPerWrite");
        Refused(good with { RpcTimeout = TimeSpan.Zero }, "RpcTimeout");
        Refused(good with { BackoffMax = TimeSpan.FromMilliseconds(1) }, "BackoffMax");
        Refused(good with { Endpoint = good.Endpoint with { KeepAliveDelay = TimeSpan.FromSeconds(9) } }, "KeepAliveDelay");
        Refused(good with { Endpoint = good.Endpoint with { Address = "unix:x" } }, "unix:/path");
        Refused(good with { Endpoint = good.Endpoint with { Address = "http://h:1" } }, "https://host:port");
        Refused(good with { Endpoint = good.Endpoint with { Address = "https://h:1" } }, "CertificateFile");

        static void Refused(P4RuntimeSessionOptions options, string says) =>
            Assert.Contains(says, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Election_ids_grow()
    {
        Assert.Equal(new ElectionId(2, 0), new ElectionId(1, ulong.MaxValue).Next());
        Assert.Equal(new ElectionId(ulong.MaxValue, ulong.MaxValue), new ElectionId(ulong.MaxValue, ulong.MaxValue).Next());
        var now = DateTimeOffset.UtcNow;
        Assert.True(ElectionId.FromTime(now) < ElectionId.FromTime(now.AddTicks(1)));
        Assert.NotEqual(default, ElectionId.FromTime(DateTimeOffset.MinValue));
    }

    [Fact]
    public async Task A_session_without_take_over_stays_backup_until_the_primary_leaves()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        var changes = new List<SessionStateChange>();
        session.StateChanged += changes.Add;
        target.Behaviour.StealPrimary();
        await Eventually.TrueAsync(() => session.State == SessionState.Backup, "losing the primary role");
        Assert.Contains("another controller is primary", session.StateReason, StringComparison.Ordinal);
        var write = await session.WriteAsync(new[] { new EntryUpdate(UpdateKind.Insert, TestPipeline.Pod(1)) }, default);
        Assert.Equal(WriteOutcome.NotSent, write.Outcome);
        Assert.Empty(target.Behaviour.Writes);
        Assert.Single(target.Behaviour.Bids);

        target.Behaviour.OtherControllersLeave();
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "becoming primary when there is none");
        Assert.Equal([SessionState.Backup, SessionState.Primary], changes
            .Where(c => c.Reason.Length == 0 || c.Reason.Contains("another", StringComparison.Ordinal)).Select(c => c.New));
        Assert.Equal(2, target.Behaviour.Bids.Count);
    }

    [Fact]
    public async Task A_session_with_take_over_outbids_another_primary()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync(o => o with { TakeOver = true });
        target.Behaviour.StealPrimary();
        await Eventually.TrueAsync(
            () => target.Behaviour.Bids.Count == 2 && session.State == SessionState.Primary, "winning the role back");
        Assert.Equal(target.Behaviour.Highest, session.ElectionId);
    }

    [Fact]
    public async Task A_later_bid_without_an_answer_ends_the_connection()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync(
            o => o with { TakeOver = true, RpcTimeout = TimeSpan.FromMilliseconds(300) });
        target.Behaviour.OnBid = _ => null;
        target.Behaviour.StealPrimary();
        await Eventually.TrueAsync(() => session.State == SessionState.Backup, "losing the primary role");
        await Eventually.TrueAsync(() => session.State == SessionState.Disconnected, "giving up the silent connection");
        Assert.Equal("no arbitration answer within 0.3 s", session.StateReason);

        target.Behaviour.OnBid = null;
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "recovering");
    }

    [Fact]
    public async Task A_clock_that_was_set_back_does_not_keep_a_session_backup()
    {
        var behaviour = new TargetBehaviour { Highest = new ElectionId(ulong.MaxValue / 2, 5) };
        await using var target = await TestTarget.StartAsync(behaviour);
        await using var session = await target.PrimaryAsync();
        Assert.Equal(new ElectionId(ulong.MaxValue / 2, 6), session.ElectionId);
    }

    [Fact]
    public async Task A_lost_stream_is_reopened_with_a_slightly_higher_id()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        var first = session.ElectionId;
        target.Behaviour.HangUp();
        await Eventually.TrueAsync(() => session.ConnectionId == 2 && session.State == SessionState.Primary, "reconnecting");
        Assert.Equal(first.Next(), session.ElectionId);
    }

    [Fact]
    public async Task A_target_that_restarts_is_found_again()
    {
        var socket = TestTarget.NewSocketPath();
        var options = new P4RuntimeSessionOptions
        {
            Endpoint = new TargetEndpoint { Address = "unix:" + socket },
            BackoffMin = TimeSpan.FromMilliseconds(10),
            BackoffMax = TimeSpan.FromMilliseconds(50),
        };
        await using var session = new P4RuntimeSession(options, NullLogger.Instance);
        session.Start();
        await Eventually.TrueAsync(() => session.StateReason.Contains(socket, StringComparison.Ordinal), "a reason that names the socket");
        await Assert.ThrowsAsync<P4RuntimeException>(async () => await session.ReadTableAsync(TestPipeline.Pods).ToListAsync());
        for (var round = 1; round <= 2; round++)
        {
            await using var target = await TestTarget.StartAsync(socket: socket);
            await Eventually.TrueAsync(() => session.State == SessionState.Primary && session.ConnectionId == round, "connecting");
            await target.DisposeAsync();
            await Eventually.TrueAsync(() => session.State == SessionState.Disconnected, "noticing that the target is gone");
        }
    }

    [Fact]
    public async Task A_target_that_answers_for_another_device_or_not_at_all_is_not_trusted()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour
        {
            OnBid = bid => new MasterArbitrationUpdate { DeviceId = 99, ElectionId = bid.ElectionId },
        });
        await using var session = target.Session(o => o with { RpcTimeout = TimeSpan.FromMilliseconds(300) });
        await Eventually.TrueAsync(() => session.StateReason.Contains("device 99", StringComparison.Ordinal), "refusing another device");
        target.Behaviour.OnBid = _ => null;
        await Eventually.TrueAsync(
            () => session.StateReason.Contains("no arbitration answer", StringComparison.Ordinal), "refusing silence");
        target.Behaviour.OnBid = bid => new MasterArbitrationUpdate { DeviceId = bid.DeviceId, ElectionId = new Uint128 { High = 1 } };
        target.Behaviour.Bids.Clear();
        await Eventually.TrueAsync(() => target.Behaviour.Bids.Count > 2, "refusing another's election");
        target.Behaviour.OnBid = bid => new MasterArbitrationUpdate
        {
            DeviceId = bid.DeviceId,
            Status = new Google.Rpc.Status { Code = (int)StatusCode.InvalidArgument, Message = "no" },
        };
        await Eventually.TrueAsync(() => session.StateReason.Contains("INVALID_ARGUMENT: no", StringComparison.Ordinal), "a refused bid");
        Assert.Equal(0, session.ConnectionId);
        target.Behaviour.OnBid = null;
        await Eventually.TrueAsync(() => session.State == SessionState.Primary, "recovering");
    }

    [Fact]
    public async Task Packets_travel_both_ways()
    {
        await using var target = await TestTarget.StartAsync();
        await using var session = await target.PrimaryAsync();
        await session.EnsurePipelineAsync(TestPipeline.Instance, new byte[] { 1 }, 5, canReplace: true, beforePush: null, default);
        var received = new TaskCompletionSource<ControllerPacket>();
        session.PacketReceived += _ => throw new InvalidOperationException("thrown by the test's handler");
        target.Behaviour.SendPacketIn([9], 1);
        await session.SendPacketAsync(
            new ControllerPacket(new byte[] { 1, 2, 3 }, [new PacketValue("egress_port", new byte[] { 0, 7 })]), default);
        await Eventually.TrueAsync(() => target.Behaviour.PacketsOut.Count == 1, "the packet's arrival");
        var sent = target.Behaviour.PacketsOut.Single();
        Assert.Equal([1, 2, 3], sent.Payload.ToByteArray());
        Assert.Equal([7], sent.Metadata.Single().Value.ToByteArray());

        await using var second = await target.PrimaryAsync();
        await second.EnsurePipelineAsync(TestPipeline.Instance, new byte[] { 1 }, 5, canReplace: true, beforePush: null, default);
        second.PacketReceived += p => received.TrySetResult(p);
        target.Behaviour.SendPacketIn([4, 5], 0x0102);
        var packet = await received.Task.WaitAsync(Eventually.Limit);
        Assert.Equal([4, 5], packet.Payload.ToArray());
        Assert.Equal("ingress_port", packet.Metadata.Single().Name);
        await Assert.ThrowsAsync<P4InfoException>(
            () => second.SendPacketAsync(new ControllerPacket(default, [new PacketValue("x", new byte[1])]), default));
        await Assert.ThrowsAsync<ArgumentException>(
            () => second.SendPacketAsync(new ControllerPacket(default, [new PacketValue("egress_port", new byte[] { 1, 0, 0 })]), default));
        await Eventually.TrueAsync(() => session.State == SessionState.Backup, "the first session's loss of the primary role");
        await Assert.ThrowsAsync<P4RuntimeException>(() => session.SendPacketAsync(new ControllerPacket(default, []), default));
    }

    [Fact]
    public async Task Disposing_ends_the_stream_and_the_waiters()
    {
        await using var target = await TestTarget.StartAsync(new TargetBehaviour { OnBid = _ => null });
        var session = target.Session();
        var waiting = session.WaitForPrimaryAsync(default);
        await Eventually.TrueAsync(() => target.Behaviour.StreamCount == 1, "a stream");
        await session.DisposeAsync();
        await session.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Eventually.TrueAsync(() => target.Behaviour.StreamCount == 0, "the stream's end");
        Assert.Throws<ObjectDisposedException>(session.Start);
    }
}
