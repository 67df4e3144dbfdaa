using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>How much of the learned tables and of the port pools one port may use.</summary>
public sealed class ShareTests : IDisposable
{
    private const int Unanswered = 4096;
    private const int Connections = 8192;
    private const int Datagrams = 16_384;
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _flooding;
    private readonly uint _other;

    public ShareTests()
    {
        _flooding = _node.AddPod(1);
        _other = _node.AddPod(2);
        _node.AddPod(3);
    }

    public void Dispose() => _node.Dispose();

    private Service Start(byte protocol = Frame.Tcp)
        => new Service(_node, protocol).Backend(3, Node.PodAddress(3)).Fill(3).Frontend(Service.Address, 80);

    private int Flood(Service service, int connections)
    {
        var passed = 0;
        for (var i = 0; i < connections; i++)
        {
            passed += _node.Send(1, service.To(_flooding, (ushort)(1024 + i))) is null ? 0 : 1;
        }

        return passed;
    }

    [Fact]
    public void Unanswered_connections_use_only_the_share_of_their_pod()
    {
        var service = Start();
        Assert.Equal(Unanswered, Flood(service, 10_000));
        Assert.Equal(10_000ul - Unanswered, _node.Drops(DropReason.Share));
        new Connection(_node, 2, _other, 5000).Open(3);
        // After a minute the pod has its share back.
        _node.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(Unanswered, Flood(service, 10_000));
        new Connection(_node, 2, _other, 5001).Open(3);
    }

    [Fact]
    public void Answered_connections_leave_the_unanswered_share_and_closed_ones_leave_both_shares()
    {
        Start();
        for (var i = 0; i < 3 * Connections; i++)
        {
            var connection = new Connection(_node, 1, _flooding, (ushort)(1024 + i)).Open(3);
            connection.Ask(3, Frame.Ack | Frame.Fin);
            connection.Answer(3, Frame.Ack | Frame.Fin);
            connection.Ask(3);
        }
        Assert.Equal(0ul, _node.Drops(DropReason.Share));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_connections_are_limited(bool reset)
    {
        Start();
        var open = new List<Connection>();
        for (var i = 0; i < Connections; i++)
        {
            open.Add(new Connection(_node, 1, _flooding, (ushort)(1024 + i)).Open(3));
        }

        Assert.Null(_node.Send(1, new Connection(_node, 1, _flooding, 60000).Syn()));
        Assert.Equal(1ul, _node.Drops(DropReason.Share));
        new Connection(_node, 2, _other, 5000).Open(3);
        // A closed connection makes room for a new one.
        if (reset)
        {
            open[0].Ask(3, Frame.Ack | Frame.Rst);
        }
        else
        {
            open[0].Answer(3, Frame.Ack | Frame.Fin);
            open[0].Ask(3, Frame.Ack | Frame.Fin);
        }
        new Connection(_node, 1, _flooding, 60000).Open(3);
        Assert.Null(_node.Send(1, new Connection(_node, 1, _flooding, 60001).Syn()));
    }

    [Fact]
    public void Answered_datagram_flows_have_their_own_limit()
    {
        var service = Start(Frame.Udp);
        for (var i = 0; i < Datagrams; i++)
        {
            var seen = _node.Pass(1, service.To(_flooding, (ushort)(10_000 + i)), 3);
            _node.Pass(3, Service.Answer(seen), 1);
            _node.Pass(3, Service.Answer(seen), 1);
        }
        Assert.Null(_node.Send(1, service.To(_flooding, 60000)));
        _node.Pass(2, service.To(_other, 5000), 3);
        _node.Time.Advance(TimeSpan.FromSeconds(121));
        _node.Pass(1, service.To(_flooding, 60000), 3);
    }

    [Fact]
    public void A_pod_cannot_use_all_ports_to_a_destination()
    {
        _node.Put("pools", "pool_ports", [1], Node.Address, 12000, 18000, 0x7FFF);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, 1);
        for (var i = 0; i < 60_000; i++)
        {
            _node.Send(1, Frame.Build(Frame.Udp, _flooding, (ushort)(1024 + i), External, 53));
        }

        for (ushort port = 5000; port < 6000; port++)
        {
            _node.Pass(2, Frame.Build(Frame.Udp, _other, port, External, 53), Node.UplinkPort);
        }
    }

    [Fact]
    public void The_next_pod_on_a_port_starts_with_a_full_share()
    {
        var service = Start();
        Flood(service, Unanswered + 1);
        _node.Remove("source_guard", 1, Node.PodMac(1), _flooding);
        _node.Remove("mac_guard", 1, Node.PodMac(1));
        _node.Put("mac_guard", "allow_mac", [1, Node.PodMac(9)]);
        _node.Put("source_guard", "allow_source", [1, Node.PodMac(9), Node.PodAddress(9)]);
        _node.Put("local_sources", "local_source", [Node.PodAddress(9)]);
        Assert.NotNull(_node.Send(1, service.To(Node.PodAddress(9), 5000), Node.PodMac(9)));
    }

    [Fact]
    public void External_traffic_leaves_most_of_the_table_to_pods()
    {
        var service = Start();
        service.Frontend(Service.Address, 80, outside: true);
        for (uint i = 0; i < 100_000; i++)
        {
            _node.Send(Node.UplinkPort, service.To(0x0B000000 + i, 2000));
        }

        Assert.Equal(16_384, _node.Learned("flows"));
        new Connection(_node, 1, _flooding, 5000).Open(3);
    }

    [Fact]
    public void Affinity_entries_are_limited_and_further_clients_are_hashed_by_address()
    {
        var service = Start();
        service.Backend(4, _node.AddPod(4)).Fill(3, 4);
        (service.Affinity, service.MaxAge) = (6, 43_200_000);
        service.Frontend(Service.Address, 80, outside: true);
        for (uint i = 0; i < 30_000; i++)
        {
            if (i % 10_000 == 9_999)
            {
                _node.Time.Advance(TimeSpan.FromSeconds(61));
            }

            _node.Send(Node.UplinkPort, service.To(0x0B000000 + i, 2000));
        }
        _node.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(16_384, _node.Learned("affinities"));
        for (uint i = 29_000; i < 29_100; i++)
        {
            var ports = new HashSet<uint>();
            for (ushort port = 3000; port < 3003; port++)
            {
                ports.Add(_node.Send(Node.UplinkPort, service.To(0x0B000000 + i, port))!.Value.Port);
            }

            Assert.Single(ports);
        }
    }

    [Fact]
    public void Old_connections_are_counted_once_after_their_slots_are_reused()
    {
        const int Slots = 0x40000;
        Start();
        var old = Enumerable.Range(0, 100).Select(i => new Connection(_node, 1, _flooding, (ushort)(1024 + i)).Open(3)).ToList();
        Assert.Equal(100ul, _node.Register("open_connections", 1));
        // Enough connections of another pod to reuse the slots. They close immediately.
        for (var i = 0; i < Slots; i++)
        {
            if (i % 20_000 == 0)
            {
                _node.Time.Advance(TimeSpan.FromSeconds(61));
            }

            var connection = new Connection(_node, 2, _other, (ushort)(1024 + (i % 60_000))).Open(3);
            connection.Ask(3, Frame.Ack | Frame.Fin);
            connection.Answer(3, Frame.Ack | Frame.Fin);
            connection.Ask(3);
        }
        // The old connections continue and close normally.
        foreach (var connection in old)
        {
            connection.Ask(3, Frame.Ack | Frame.Psh, "question");
            connection.Answer(3, Frame.Ack | Frame.Psh, "answer");
            connection.Ask(3);
        }
        Assert.Equal((100ul, 0ul), (_node.Register("open_connections", 1), _node.Register("open_connections", 2)));
        foreach (var connection in old)
        {
            connection.Answer(3, Frame.Ack | Frame.Fin);
            connection.Ask(3, Frame.Ack | Frame.Fin);
            connection.Answer(3);
        }
        Assert.Equal((0ul, 0ul), (_node.Register("open_connections", 1), _node.Register("open_connections", 2)));
        Assert.Equal(0ul, _node.Drops(DropReason.Share));
    }
}
