using ACCOffload.SoftTarget.Tests.Support;
using ACCOffload.TestKit.Packets;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Server;

/// <summary>
/// Reads of the entries that the data plane learned from packets, by the rules of p4runtime.proto: <c>idle_timeout_ns</c> is the time to
/// live, <c>time_since_last_hit</c> is in the answer if it is in the request.
/// </summary>
public sealed class LearnedReadTests : IAsyncLifetime
{
    private const uint Client = 0x0A000002;
    private const uint Server = 0x0A000003;
    private const uint Virtual = 0x0A600001;

    private static readonly TestPipeline Pipeline = TestPipeline.Load("k8s_dp");

    // A service for TCP and UDP with one backend. The controller's port is the host's, and everything leaves there.
    private static readonly TableEntry[] Rows =
    [
        Pipeline.Entry("port_class", [Exact(1, 4094)], Pipeline.Do("host_port", 7, 0x02ACC0000001)),
        Pipeline.Entry("routes", [Lpm(1, 0x0A000000, 8)], Pipeline.Do("to_port", 4094, 0x02ACC0000001, 0x020000000003)),
        Pipeline.Entry("endpoints", [Exact(1, Server), Exact(2, 8080), Exact(3, 6)], Pipeline.Do("endpoint", 300)),
        Pipeline.Entry("endpoints", [Exact(1, Server), Exact(2, 8080), Exact(3, 17)], Pipeline.Do("endpoint", 301)),
        Pipeline.Entry("backends", [Exact(1, 30)], Pipeline.Do("to_backend", Server, 8080, 300, 0)),
        Pipeline.Entry("backends", [Exact(1, 31)], Pipeline.Do("to_backend", Server, 8080, 301, 0)),
        Pipeline.Entry("buckets", [Exact(1, 0), Exact(2, 20)], Pipeline.Do("bucket_backend", 30)),
        Pipeline.Entry("buckets", [Exact(1, 0), Exact(2, 21)], Pipeline.Do("bucket_backend", 31)),
        Pipeline.Entry("frontends", [Exact(1, 10)], Pipeline.Do("frontend_address", Virtual, 80)),
        Pipeline.Entry("frontends", [Exact(1, 11)], Pipeline.Do("frontend_address", Virtual, 80)),
        Pipeline.Entry(
            "services", [Exact(1, 0), Exact(2, Virtual), Exact(3, 80), Exact(4, 6)], Pipeline.Do("balance", 10, 20, 1, 0, 0, 0, 0, 0)),
        Pipeline.Entry(
            "services", [Exact(1, 0), Exact(2, Virtual), Exact(3, 80), Exact(4, 17)], Pipeline.Do("balance", 11, 21, 1, 0, 0, 0, 0, 0)),
    ];

    private readonly FakeTimeProvider _time = new();
    private TestTarget _target = null!;
    private Controller _controller = null!;

    public async ValueTask InitializeAsync()
    {
        _target = await TestTarget.StartAsync(
            o => o with { ServePorts = true, PortNamespace = "/run/netns/none-such", TimeProvider = _time });
        _controller = await _target.Client.BecomePrimaryAsync();
        await _target.Client.PushAsync(Pipeline.Config());
        await _target.Client.WriteAsync([.. Rows.Select(TargetClient.Insert)]);
    }

    public async ValueTask DisposeAsync() => await _target.DisposeAsync();

    [Fact]
    public async Task Flows_are_read_with_key_action_and_times_until_they_expire()
    {
        Assert.Empty(await ReadAsync("replies"));
        await SendAsync(Frame.Tcp, 1000);
        _time.Advance(TimeSpan.FromSeconds(12));
        await SendAsync(Frame.Udp, 2000);
        _time.Advance(TimeSpan.FromSeconds(5));

        var replies = await ReadAsync("replies");
        var tcp = Assert.Single(replies, r => r.Match[0].Exact.Value[0] == 6);
        var udp = Assert.Single(replies, r => r.Match[0].Exact.Value[0] == 17);
        Assert.Equal((60, 17), Seconds(tcp));
        Assert.Equal((30, 5), Seconds(udp));
        Assert.Equal(Pipeline.Do("way_back", 8, 10, 30, Client, 1000, 0, 0), tcp.Action);
        Assert.Equal(
            [17, Server, 8080, 301, Client, 2000], udp.Match.Select(m => m.Exact.Value.Aggregate(0L, (n, b) => (n << 8) | b)));

        // A datagram renews its flow; a second SYN does not.
        await SendAsync(Frame.Udp, 2000);
        await SendAsync(Frame.Tcp, 1000);
        _time.Advance(TimeSpan.FromSeconds(1));
        replies = await ReadAsync("replies");
        Assert.Equal([(30, 1), (60, 18)], replies.Select(Seconds).Order());

        // Only if it is asked for; one key; one action.
        Assert.All(await ReadAsync("replies", e => e.TimeSinceLastHit = null), r => Assert.Null(r.TimeSinceLastHit));
        Assert.Equal(udp.Match, Assert.Single(await ReadAsync("replies", e => e.Match.Add(udp.Match))).Match);
        Assert.Empty(await ReadAsync("replies", e => e.Action = Pipeline.Do("note_way_back")));
        Assert.Empty(await ReadAsync("replies", e => e.Metadata = ByteString.CopyFromUtf8("x")));

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(tcp.Match, Assert.Single(await ReadAsync("replies")).Match);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Empty(await ReadAsync("replies"));
        // Learned entries are no controller's state.
        Assert.Equal(Rows.Length, (await _target.Client.ReadEntriesAsync(new TableEntry())).Count);
    }

    [Fact]
    public async Task A_table_of_many_flows_is_read_in_messages_while_packets_and_writes_go_on()
    {
        // More than one part of the table, and more than one message.
        const int Flows = 12_000;
        for (var i = 0; i < Flows; i++)
        {
            await SendAsync(Frame.Udp, (ushort)(1000 + i));
        }

        var request = new ReadRequest { DeviceId = TargetClient.DeviceId };
        request.Entities.Add(new Entity { TableEntry = Request("replies") });
        var (messages, ports) = (0, new HashSet<int>());
        using (var call = _target.Client.P4.Read(request))
        {
            await foreach (var response in call.ResponseStream.ReadAllAsync())
            {
                if (messages++ == 0)
                {
                    // Neither waits for the reader.
                    await SendAsync(Frame.Udp, 60_000);
                    await _target.Client.WriteAsync(TargetClient.Delete(Rows[^1]), TargetClient.Insert(Rows[^1]));
                }

                Assert.All(response.Entities, e => Assert.True(
                    ports.Add(e.TableEntry.Match[5].Exact.Value.Aggregate(0, (n, b) => (n << 8) | b)), "an entry was read twice"));
            }
        }

        Assert.True(messages > 1);
        ports.Remove(60_000);
        Assert.Equal(Enumerable.Range(1000, Flows), ports.Order());

        // Who wants only some ends the call.
        using (var call = _target.Client.P4.Read(request))
        {
            Assert.True(await call.ResponseStream.MoveNext(default));
        }

        Assert.Equal(Flows + 1, (await ReadAsync("replies")).Count);
    }

    [Fact]
    public async Task The_time_of_entries_that_were_written_is_refused()
    {
        var e = await Assert.ThrowsAsync<RpcException>(() => ReadAsync("routes"));
        var error = Assert.Single(TargetClient.Details(e));
        Assert.Equal((int)StatusCode.InvalidArgument, error.CanonicalCode);
        Assert.Contains("table routes has no idle timeout", error.Message, StringComparison.Ordinal);
    }

    private static TableEntry Request(string table) => new()
    {
        TableId = Pipeline.Table(table).Preamble.Id,
        TimeSinceLastHit = new TableEntry.Types.IdleTimeout(),
    };

    private static (double Timeout, double Idle) Seconds(TableEntry entry) =>
        (entry.IdleTimeoutNs / 1e9, entry.TimeSinceLastHit.ElapsedNs / 1e9);

    private Task<List<TableEntry>> ReadAsync(string table, Action<TableEntry>? change = null)
    {
        var entry = Request(table);
        change?.Invoke(entry);
        return _target.Client.ReadEntriesAsync(entry);
    }

    /// <summary>Sends a flow's first packet to the service, and waits until it is translated.</summary>
    private async Task SendAsync(byte protocol, ushort port)
    {
        var frame = Frame.Build(protocol, Client, port, Virtual, 80).From(0x020000000002, 0x02ACC0000001);
        await _controller.SendAsync(new StreamMessageRequest { Packet = new PacketOut { Payload = ByteString.CopyFrom(frame.Bytes) } });
        Assert.Equal(Server, new Frame((await _controller.NextAsync()).Packet.Payload.ToByteArray()).Destination);
    }
}
