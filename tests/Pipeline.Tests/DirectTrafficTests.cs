using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>
/// A client uses one source port both for a service and for its backend directly: the backend could not tell the two flows apart.
/// </summary>
public sealed class DirectTrafficTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _client;
    private readonly uint _backend;

    public DirectTrafficTests()
    {
        _client = _node.AddPod(1);
        _backend = _node.AddPod(2);
    }

    public void Dispose() => _node.Dispose();

    private Service Start(byte protocol) => new Service(_node, protocol).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);

    private Connection ToService() => new(_node, 1, _client, 5000);

    private Connection ToBackend() => new(_node, 1, _client, 5000, _backend, 8080);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Connections_to_service_and_backend_are_kept_apart(bool serviceFirst)
    {
        Start(Frame.Tcp);
        var (first, second) = serviceFirst ? (ToService(), ToBackend()) : (ToBackend(), ToService());
        first.Open(2);
        second.Open(2);
        Assert.Equal((_client, 5000), (first.Seen.Source, first.Seen.SourcePort));
        // The client's own address and a port from the pool.
        Assert.Equal(_client, second.Seen.Source);
        Assert.InRange(second.Seen.SourcePort, 40000, 40000 + 0xFFF);
        foreach (var connection in new[] { first, second, first })
        {
            var asked = connection.Ask(2, Frame.Ack | Frame.Psh, "question");
            Assert.Equal((connection.Seen.Source, connection.Seen.SourcePort), (asked.Source, asked.SourcePort));
            var answered = connection.Answer(2, Frame.Ack | Frame.Psh, "answer");
            var expected = connection == first == serviceFirst ? (Service.Address, (ushort)80) : (_backend, (ushort)8080);
            Assert.Equal((expected.Item1, expected.Item2, 5000), (answered.Source, answered.SourcePort, answered.DestinationPort));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Datagrams_to_service_and_backend_are_kept_apart(bool serviceFirst)
    {
        var service = Start(Frame.Udp);
        Frame[] asked = [service.To(_client, 5000), Frame.Build(Frame.Udp, _client, 5000, _backend, 8080)];
        if (!serviceFirst)
        {
            Array.Reverse(asked);
        }

        var seen = asked.Select(f => _node.Pass(1, f, 2)).ToArray();
        Assert.Equal(5000, seen[0].SourcePort);
        Assert.NotEqual(5000, seen[1].SourcePort);
        for (var i = 0; i < 2; i++)
        {
            var answered = _node.Pass(2, Service.Answer(seen[i]), 1);
            Assert.Equal((asked[i].Destination, asked[i].DestinationPort, 5000),
                (answered.Source, answered.SourcePort, answered.DestinationPort));
            Assert.Equal(seen[i].Path, _node.Pass(1, asked[i], 2).Path);
        }
    }

    [Fact]
    public void An_idle_direct_connection_keeps_its_port()
    {
        Start(Frame.Tcp);
        var direct = ToBackend().Open(2);
        _node.Time.Advance(TimeSpan.FromHours(11));
        var service = ToService().Open(2);
        Assert.NotEqual(5000, service.Seen.SourcePort);
        Assert.Equal(5000, direct.Ask(2, Frame.Ack | Frame.Psh, "question").SourcePort);
        Assert.Equal(_backend, direct.Answer(2, Frame.Ack | Frame.Psh, "answer").Source);
    }

    [Fact]
    public void A_direct_connection_older_than_the_service_is_learned_from_its_next_packet()
    {
        var direct = ToBackend().Open(2);
        Start(Frame.Tcp);
        direct.Ask(2, Frame.Ack | Frame.Psh, "question");
        direct.Answer(2, Frame.Ack | Frame.Psh, "answer");
        direct.Ask(2);
        _node.Time.Advance(TimeSpan.FromHours(11));
        Assert.NotEqual(5000, ToService().Open(2).Seen.SourcePort);
        Assert.Equal(_backend, direct.Answer(2, Frame.Ack | Frame.Psh, "more").Source);
    }

    [Fact]
    public void A_direct_flow_without_a_conflict_is_not_translated()
    {
        Start(Frame.Udp);
        for (ushort port = 5000; port < 5100; port++)
        {
            var seen = _node.Pass(1, Frame.Build(Frame.Udp, _client, port, _backend, 8080, "question"u8), 2);
            Assert.Equal((_client, port, _backend, 8080), (seen.Source, seen.SourcePort, seen.Destination, seen.DestinationPort));
            Assert.Equal((_backend, 8080, _client, port), Ends(_node.Pass(2, Service.Answer(seen, payload: "answer"u8), 1)));
        }
        Assert.Equal(0, _node.Learned("flows"));

        static (uint, ushort, uint, ushort) Ends(Frame f) => (f.Source, f.SourcePort, f.Destination, f.DestinationPort);
    }

    [Fact]
    public void Direct_traffic_passes_when_the_share_of_its_port_is_full()
    {
        Start(Frame.Udp);
        for (ushort port = 5000; port < 11000; port++)
        {
            _node.Pass(1, Frame.Build(Frame.Udp, _client, port, _backend, 8080), 2);
        }

        Assert.Equal(4096, _node.Learned("replies"));
        Assert.Equal(6000ul - 4096, _node.Drops(DropReason.Share));
    }
}
