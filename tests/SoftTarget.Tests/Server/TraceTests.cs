using ACCOffload.Protos.V1;
using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>Tracing, and the side effects of real packets, which a trace must not have.</summary>
public sealed class TraceTests : IAsyncLifetime
{
    private static readonly TestPipeline Pipeline = TestPipeline.Conformance;

    // Ethernet, IPv4 1.2.3.4 → 10.0.0.5, TCP 1000 → 80.
    private static readonly byte[] Packet =
    [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 1, 2, 3, 4, 10, 0, 0, 5,
        3, 232, 0, 80, .. new byte[16],
    ];

    private TestTarget _target = null!;
    private Controller _controller = null!;

    private TargetClient Client => _target.Client;

    public async ValueTask InitializeAsync()
    {
        _target = await TestTarget.StartAsync(o => o with { ServePorts = true, PortNamespace = "/run/netns/none-such" });
        _controller = await Client.BecomePrimaryAsync();
        await Client.PushAsync(Pipeline.Config());
    }

    public async ValueTask DisposeAsync() => await _target.DisposeAsync();

    private Task<TraceReply> TraceAsync(uint port = 1)
        => Client.SoftTarget.TraceAsync(new TraceRequest { Port = port, Packet = ByteString.CopyFrom(Packet) }).ResponseAsync;

    private Task<List<TableEntry>> FlowsAsync() =>
        Client.ReadEntriesAsync(new TableEntry { TableId = Pipeline.Table("flows").Preamble.Id });

    private async Task<long> SeenAsync(long port)
    {
        var cell = new CounterEntry { CounterId = Pipeline.Counter("seen_packets"), Index = new P4.V1.Index { Index_ = port } };
        return (await Client.ReadAsync(new Entity { CounterEntry = cell })).Single().CounterEntry.Data.PacketCount;
    }

    [Fact]
    public async Task A_trace_shows_the_tables_and_has_no_side_effects()
    {
        await Client.WriteAsync(TargetClient.Insert(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 7))));
        await Client.Gnmi.SetAsync(GnmiTests.Add("other"));
        var reply = await TraceAsync();
        var route = reply.Steps.Single(s => s.Table == "route");
        Assert.True(route.Hit);
        Assert.Equal("0x0a000005", Assert.Single(route.Key).Value);
        Assert.Equal("0x00000007", Assert.Single(route.Params).Value);
        Assert.False(reply.Steps.Single(s => s.Table == "service").Hit);
        Assert.Equal("sent", reply.Fate);
        Assert.Equal(7u, reply.OutPort);
        Assert.Equal(Packet, reply.OutPacket.ToByteArray());
        Assert.Equal(0, await SeenAsync(1));
        Assert.Empty(await FlowsAsync());
    }

    [Fact]
    public async Task A_trace_names_the_port_and_the_drop()
    {
        await Client.Gnmi.SetAsync(GnmiTests.Add("one"));
        await Client.WriteAsync(TargetClient.Insert(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 1))));
        Assert.Equal("one", (await TraceAsync()).OutPortName);
        await Client.WriteAsync(TargetClient.Insert(Pipeline.Entry("ingress_port", [Exact(1, 1)], Pipeline.Do("discard"))));
        var reply = await TraceAsync();
        Assert.Equal("dropped", reply.Fate);
        Assert.Equal("seen_packets[1]", reply.DropReason);
        await Client.WriteAsync(TargetClient.Modify(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 4094))));
        Assert.Equal("controller", (await TraceAsync(2)).Fate);
    }

    [Fact]
    public async Task Invalid_traces_are_rejected()
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => Client.SoftTarget.TraceAsync(new TraceRequest()).ResponseAsync);
        Assert.Equal(StatusCode.InvalidArgument, e.StatusCode);
        await using var empty = await TestTarget.StartAsync();
        e = await Assert.ThrowsAsync<RpcException>(
            () => empty.Client.SoftTarget.TraceAsync(new TraceRequest { Packet = ByteString.CopyFrom(Packet) }).ResponseAsync);
        Assert.Equal(StatusCode.FailedPrecondition, e.StatusCode);
    }

    [Fact]
    public async Task A_packet_is_counted_and_learned_and_learned_entries_are_read_on_request_only()
    {
        await Client.WriteAsync(TargetClient.Insert(Pipeline.Entry("route", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("out_of", 4094))));
        await _controller.SendAsync(new StreamMessageRequest { Packet = new PacketOut { Payload = ByteString.CopyFrom(Packet) } });
        Assert.Equal(Packet, (await _controller.NextAsync()).Packet.Payload.ToByteArray());
        var learned = Assert.Single(await FlowsAsync());
        Assert.Equal(30_000_000_000, learned.IdleTimeoutNs);
        learned.IdleTimeoutNs = 0;
        Assert.Equal(Pipeline.Entry("flows", [Exact(1, 0x01020304), Exact(2, 0x0A000005)], Pipeline.Do("pinned", 7)), learned);
        Assert.DoesNotContain(await Client.ReadEntriesAsync(new TableEntry()), e => e.TableId == learned.TableId);
    }
}
