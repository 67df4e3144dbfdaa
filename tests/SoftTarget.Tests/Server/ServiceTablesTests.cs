using ACCOffload.Protos.V1;
using ACCOffload.SoftTarget.Tests.Support;
using Google.Protobuf;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>The service tables of the committed pipeline, by their P4Info names: written, read back, counted, traced.</summary>
public sealed class ServiceTablesTests : IAsyncLifetime
{
    private static readonly TestPipeline Pipeline = TestPipeline.Load("k8s_dp");

    // A SYN from 10.0.0.2:1000 to 10.96.0.1:80.
    private static readonly byte[] Packet =
    [
        2, 0xAC, 0xC0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x26, 0x6E, 10, 0, 0, 2, 10, 96, 0, 1,
        3, 232, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
    ];

    private static readonly TableEntry[] Rows =
    [
        Pipeline.Entry("port_class", [Exact(1, 4094)], Pipeline.Do("host_port", 7, 0x02ACC0000001)),
        Pipeline.Entry("routes", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("to_port", 4094, 0x02ACC0000001, 0x020000000003)),
        Pipeline.Entry("endpoints", [Exact(1, 0x0A000003), Exact(2, 8080), Exact(3, 6)], Pipeline.Do("endpoint", 300)),
        Pipeline.Entry("backends", [Exact(1, 30)], Pipeline.Do("to_backend", 0x0A000003, 8080, 300, 0)),
        Pipeline.Entry("backends", [Exact(1, 31)], Pipeline.Do("drain_backend", 0x0A000004, 8080, 301, 1)),
        Pipeline.Entry("buckets", [Exact(1, 0), Exact(2, 20)], Pipeline.Do("bucket_backend", 30)),
        Pipeline.Entry("source_ranges", [Exact(1, 5), Lpm(2, 0x0A000000, 24)], Pipeline.Do("in_range")),
        Pipeline.Entry("pools", [Exact(1, 255)], Pipeline.Do("pool_ports", 0xC000020A, 40000, 0x1000, 0xFFF)),
        Pipeline.Entry("outgoing", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("keep_source")),
        Pipeline.Entry("frontends", [Exact(1, 10)], Pipeline.Do("frontend_address", 0x0A600001, 80)),
        Pipeline.Entry(
            "services", [Exact(1, 0), Exact(2, 0x0A600001), Exact(3, 80), Exact(4, 6)], Pipeline.Do("balance", 10, 20, 1, 0, 0, 0, 0, 5)),
        Pipeline.Entry("services", [Exact(1, 1), Exact(2, 0x0A600001), Exact(3, 80), Exact(4, 6)], Pipeline.Do("refuse", 10, 0)),
        Pipeline.Entry("services", [Exact(1, 0), Exact(2, 0x0A600002), Exact(3, 80), Exact(4, 6)], Pipeline.Do("drop_new", 11, 255)),
    ];

    private TestTarget _target = null!;
    private Controller _controller = null!;

    public async ValueTask InitializeAsync()
    {
        _target = await TestTarget.StartAsync(o => o with { ServePorts = true, PortNamespace = "/run/netns/none-such" });
        _controller = await _target.Client.BecomePrimaryAsync();
        await _target.Client.PushAsync(Pipeline.Config());
        await _target.Client.WriteAsync([.. Rows.Select(TargetClient.Insert)]);
    }

    public async ValueTask DisposeAsync() => await _target.DisposeAsync();

    [Fact]
    public async Task Exactly_the_written_entries_are_read_back()
    {
        foreach (var table in Rows.GroupBy(r => r.TableId))
        {
            var read = await _target.Client.ReadEntriesAsync(new TableEntry { TableId = table.Key });
            Assert.Equal(table.OrderBy(r => r.ToString(), StringComparer.Ordinal), read.OrderBy(r => r.ToString(), StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_packet_is_rewritten_learned_and_counted()
    {
        await _controller.SendAsync(new StreamMessageRequest { Packet = new PacketOut { Payload = ByteString.CopyFrom(Packet) } });
        var sent = (await _controller.NextAsync()).Packet.Payload.ToByteArray();
        Assert.Equal("0A000002" + "0A000003" + "03E81F90", Convert.ToHexString(sent.AsSpan(26, 12)));

        var flow = Assert.Single(await _target.Client.ReadEntriesAsync(new TableEntry { TableId = Pipeline.Table("flows").Preamble.Id }));
        Assert.Equal(60_000_000_000, flow.IdleTimeoutNs);
        Assert.Equal(Pipeline.Do("pinned", 8, 30, 0, 1000), flow.Action);
        Assert.Equal(
            [0, 0x0A000002, 1000, 0, 0x0A600001, 80, 6], flow.Match.Select(m => m.Exact.Value.Aggregate(0L, (n, b) => (n << 8) | b)));
        var reply = Assert.Single(
            await _target.Client.ReadEntriesAsync(new TableEntry { TableId = Pipeline.Table("replies").Preamble.Id }));
        Assert.Equal(Pipeline.Do("way_back", 8, 10, 30, 0x0A000002, 1000, 0, 0), reply.Action);
        Assert.Equal(1, await CountAsync(Rows[10]));
        Assert.Equal(0, await CountAsync(Rows[11]));
        Assert.Equal(1, await CountAsync(Rows[3]));
        // A wildcard read does not return learned entries.
        Assert.Equal(Rows.Length, (await _target.Client.ReadEntriesAsync(new TableEntry())).Count);
    }

    [Fact]
    public async Task A_trace_shows_the_steps_through_the_service()
    {
        var trace = await _target.Client.SoftTarget.TraceAsync(new TraceRequest { Port = 4094, Packet = ByteString.CopyFrom(Packet) });
        Assert.Equal("controller", trace.Fate);
        Assert.Equal(
            ["port_class", "local_sources", "services", "flows", "source_ranges", "buckets", "backends", "pods", "periods", "periods",
                "replies", "flows", "pods", "held", "routes"],
            trace.Steps.Where(s => s.Table.Length > 0).Select(s => s.Table));
        var step = trace.Steps.Single(s => s.Table == "backends");
        Assert.Equal(("to_backend", "backend_id", "0x0a000003"), (step.Action, step.Key[0].Name, step.Params[0].Value));
    }

    private async Task<long> CountAsync(TableEntry row)
    {
        var key = row.Clone();
        key.Action = null;
        var cell = await _target.Client.ReadAsync(new Entity { DirectCounterEntry = new DirectCounterEntry { TableEntry = key } });
        return Assert.Single(cell).DirectCounterEntry.Data.PacketCount;
    }
}
