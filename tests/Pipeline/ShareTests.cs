using ACCOffload.PipelineTests.Support;

namespace ACCOffload.PipelineTests;

/// <summary>What one port may take of the learned tables and the pools' ports.</summary>
public sealed class ShareTests : IDisposable
{
    private const int Unanswered = 4096;
    private const int Connections = 8192;
    private const int Datagrams = 16_384;
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _greedy;
    private readonly uint _other;

    public ShareTests()
    {
        _greedy = _node.AddPod(1);
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
            passed += _node.Send(1, service.To(_greedy, (ushort)(1024 + i))) is null ? 0 : 1;
        }

        return passed;
    }

    [Fact]
    public void Connections_that_nobody_answers_are_the_pods_own_loss()
    {
        var service = Start();
        Assert.Equal(Unanswered, Flood(service, 10_000));
        Assert.Equal(10_000ul - Unanswered, _node.Drops(DropReason.Share));
        new Connection(_node, 2, _other, 5000).Open(3);
        // A minute later it has its share again.
        _node.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(Unanswered, Flood(service, 10_000));
        new Connection(_node, 2, _other, 5001).Open(3);
    }

    [Fact]
    public void What_is_answered_no_longer_counts_as_unanswered_and_what_is_closed_not_at_all()
    {
        Start();
        for (var i = 0; i < 3 * Connections; i++)
        {
            var connection = new Connection(_node, 1, _greedy, (ushort)(1024 + i)).Open(3);
            connection.Ask(3, Frame.Ack | Frame.Fin);
            connection.Answer(3, Frame.Ack | Frame.Fin);
            connection.Ask(3);
        }
        Assert.Equal(0ul, _node.Drops(DropReason.Share));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_connections_have_a_bound(bool reset)
    {
        Start();
        var open = new List<Connection>();
        for (var i = 0; i < Connections; i++)
        {
            open.Add(new Connection(_node, 1, _greedy, (ushort)(1024 + i)).Open(3));
        }

        Assert.Null(_node.Send(1, new Connection(_node, 1, _greedy, 60000).Syn()));
        Assert.Equal(1ul, _node.Drops(DropReason.Share));
        new Connection(_node, 2, _other, 5000).Open(3);
        // One that ends makes room for one.
        if (reset)
        {
            open[0].Ask(3, Frame.Ack | Frame.Rst);
        }
        else
        {
            open[0].Answer(3, Frame.Ack | Frame.Fin);
            open[0].Ask(3, Frame.Ack | Frame.Fin);
        }
        new Connection(_node, 1, _greedy, 60000).Open(3);
        Assert.Null(_node.Send(1, new Connection(_node, 1, _greedy, 60001).Syn()));
    }

    [Fact]
    public void Datagrams_that_are_answered_have_a_bound_of_their_own()
    {
        var service = Start(Frame.Udp);
        for (var i = 0; i < Datagrams; i++)
        {
            var seen = _node.Pass(1, service.To(_greedy, (ushort)(1024 + i)), 3);
            _node.Pass(3, Service.Answer(seen), 1);
            _node.Pass(3, Service.Answer(seen), 1);
        }
        Assert.Null(_node.Send(1, service.To(_greedy, 60000)));
        _node.Pass(2, service.To(_other, 5000), 3);
        _node.Time.Advance(TimeSpan.FromSeconds(121));
        _node.Pass(1, service.To(_greedy, 60000), 3);
    }

    [Fact]
    public void A_pod_cannot_take_all_ports_to_a_destination()
    {
        _node.Put("pools", "pool_ports", [1], Node.Address, 12000, 18000, 0x7FFF);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, 1);
        for (var i = 0; i < 60_000; i++)
        {
            _node.Send(1, Frame.Build(Frame.Udp, _greedy, (ushort)(1024 + i), External, 53));
        }

        for (ushort port = 5000; port < 6000; port++)
        {
            _node.Pass(2, Frame.Build(Frame.Udp, _other, port, External, 53), Node.UplinkPort);
        }
    }

    [Fact]
    public void The_next_pod_of_a_port_begins_anew()
    {
        var service = Start();
        Flood(service, Unanswered + 1);
        _node.Remove("source_guard", 1, Node.PodMac(1), _greedy);
        _node.Remove("mac_guard", 1, Node.PodMac(1));
        _node.Put("mac_guard", "allow_mac", [1, Node.PodMac(9)]);
        _node.Put("source_guard", "allow_source", [1, Node.PodMac(9), Node.PodAddress(9)]);
        _node.Put("local_sources", "local_source", [Node.PodAddress(9)]);
        Assert.NotNull(_node.Send(1, service.To(Node.PodAddress(9), 5000), Node.PodMac(9)));
    }

    [Fact]
    public void What_comes_from_outside_leaves_most_of_the_table_to_the_pods()
    {
        var service = Start();
        service.Frontend(Service.Address, 80, outside: true);
        for (uint i = 0; i < 100_000; i++)
        {
            _node.Send(Node.UplinkPort, service.To(0x0B000000 + i, 2000));
        }

        Assert.Equal(16_384, _node.Learned("flows"));
        new Connection(_node, 1, _greedy, 5000).Open(3);
    }

    [Fact]
    public void Clients_that_stick_to_a_backend_are_bounded_and_the_others_stick_by_their_address()
    {
        var service = Start();
        service.Backend(4, _node.AddPod(4)).Fill(3, 4);
        service.Affinity = 6;
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
    public void Connections_that_outlive_many_newer_ones_are_counted_once()
    {
        const int Slots = 0x40000;
        Start();
        var old = Enumerable.Range(0, 100).Select(i => new Connection(_node, 1, _greedy, (ushort)(1024 + i)).Open(3)).ToList();
        Assert.Equal(100ul, _node.Register("open_connections", 1));
        // So many of another pod that their slots are given again. They close at once.
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
        // They go on, and end, as if nothing had happened.
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
