using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Flows when backends leave, addresses are reused and entries are missing.</summary>
public sealed class PinningTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _client;

    public PinningTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    private Service ThreeBackends(byte protocol)
    {
        var service = new Service(_node, protocol);
        for (uint i = 2; i <= 4; i++)
        {
            service.Backend(i, _node.AddPod((int)i), 80);
        }

        return service.Fill(2).Frontend(Service.Address, 80);
    }

    [Fact]
    public void A_draining_backend_keeps_its_connections_and_gets_no_new_ones()
    {
        var service = ThreeBackends(Frame.Tcp);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        service.Drain(2);
        service.Fill(3).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack), 2);
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        _node.Pass(1, service.To(_client, 5001), 3);
        // Detached: the connection is reset, and the reset comes from the service address.
        service.Detach(2);
        var reset = _node.Pass(1, service.To(_client, 5000, Frame.Ack), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_client)}:5000", reset.Path);
        Assert.Equal((Frame.Rst, 77u), (reset.Flags, reset.Sequence));
        Assert.Equal(1ul, _node.Drops(DropReason.NoFlow));
        // The same ports can open a new connection.
        _node.Pass(1, service.To(_client, 5000), 3);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack), 3);
    }

    [Fact]
    public void A_connection_that_reuses_ports_moves_off_a_draining_backend_once()
    {
        var service = ThreeBackends(Frame.Tcp);
        new Connection(_node, 1, _client, 5000).Open(2);
        service.Drain(2);
        service.Fill(3).Succeed(2).Substitute(3).Frontend(Service.Address, 80);
        var connection = new Connection(_node, 1, _client, 5000).Open(3);
        service.Fill(4).Frontend(Service.Address, 80);
        connection.Ask(3, Frame.Ack | Frame.Psh, "question");
        Assert.Equal(Service.Address, connection.Answer(3).Source);
        // Still true an hour later: both entries of the pair are kept.
        for (var i = 0; i < 12; i++)
        {
            _node.Time.Advance(TimeSpan.FromMinutes(5));
            connection.Answer(3, Frame.Ack | Frame.Psh, "more");
        }
        _node.Time.Advance(TimeSpan.FromHours(11));
        connection.Ask(3, Frame.Ack | Frame.Psh, "question");
    }

    [Theory]
    [InlineData(Frame.Udp, true)]
    [InlineData(Frame.Udp, false)]
    [InlineData(Frame.Sctp, false)]
    public void A_datagram_flow_is_rebalanced_once_when_its_backend_leaves(byte protocol, bool drain)
    {
        var service = ThreeBackends(protocol);
        _node.Pass(1, service.To(_client, 5000), 2);
        service.Fill(3).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), 2);
        if (drain)
        {
            service.Succeed(2).Substitute(3).Frontend(Service.Address, 80).Drain(2);
        }
        else
        {
            service.Succeed(3).Frontend(Service.Address, 80).Detach(2);
        }

        var seen = _node.Pass(1, service.To(_client, 5000), 3);
        Assert.Equal(Service.Address, _node.Pass(3, Service.Answer(seen), 1).Source);
        // Adding a backend does not move flows.
        service.Fill(4).Frontend(Service.Address, 80);
        for (var i = 0; i < 10; i++)
        {
            _node.Time.Advance(TimeSpan.FromSeconds(29));
            _node.Pass(1, service.To(_client, 5000), 3);
        }
        // The same happens each time a backend is lost.
        service.Succeed(4).Detach(3);
        seen = _node.Pass(1, service.To(_client, 5000), 4);
        Assert.Equal(Service.Address, _node.Pass(4, Service.Answer(seen), 1).Source);
        service.Backend(5, _node.AddPod(5), 80).Fill(5).Succeed(5).Frontend(Service.Address, 80).Detach(4);
        seen = _node.Pass(1, service.To(_client, 5000), 5);
        Assert.Equal(Service.Address, _node.Pass(5, Service.Answer(seen), 1).Source);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_client_that_reuses_a_port_follows_successive_backends(bool afterDetach)
    {
        var service = new Service(_node).Backend(2, _node.AddPod(2), 80).Fill(2).Frontend(Service.Address, 80);
        Connects(2);
        for (uint next = 3; next <= 8; next++)
        {
            var last = next - 1;
            service.Backend(next, _node.AddPod((int)next), 80).Fill(next).Succeed(last).Substitute(next).Frontend(Service.Address, 80)
                .Drain(last);
            _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), last);
            if (!afterDetach)
            {
                Connects(next);
            }

            service.Succeed(next).Detach(last);
            if (afterDetach)
            {
                // The connection ended with the backend; a late packet must not open one at the next backend.
                Assert.Equal(Frame.Rst, _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 1).Flags);
                Connects(next);
            }

            _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), next);
        }

        void Connects(uint backend)
        {
            var seen = _node.Pass(1, service.To(_client, 5000), backend);
            Assert.Equal(Service.Address, _node.Pass(backend, Service.Answer(seen, Frame.Syn | Frame.Ack), 1).Source);
            _node.Pass(1, service.To(_client, 5000, Frame.Ack), backend);
        }
    }

    [Fact]
    public void The_newest_connection_of_a_port_survives_any_number_of_draining_backends()
    {
        var service = new Service(_node).Backend(2, _node.AddPod(2), 80).Fill(2).Frontend(Service.Address, 80);
        var connection = new Connection(_node, 1, _client, 5000).Open(2);
        for (uint next = 3; next <= 9; next++)
        {
            var last = next - 1;
            service.Backend(next, _node.AddPod((int)next), 80).Fill(next).Succeed(last).Substitute(next).Frontend(Service.Address, 80)
                .Drain(last);
            // It stays until it reconnects.
            connection.Ask(last, Frame.Ack | Frame.Psh, "question");
            connection = new Connection(_node, 1, _client, 5000).Open(next);
            connection.Ask(next, Frame.Ack | Frame.Psh, "question");
            // Traffic from the backend keeps both entries alive.
            for (var i = 0; i < 3; i++)
            {
                _node.Time.Advance(TimeSpan.FromHours(11));
                Assert.Equal(Service.Address, connection.Answer(next, Frame.Ack | Frame.Psh, "answer").Source);
            }
        }
    }

    [Fact]
    public void A_connection_that_left_a_draining_backend_keeps_its_new_one()
    {
        var service = ThreeBackends(Frame.Tcp);
        _node.Pass(1, service.To(_client, 5000), 2);
        // Its succession bucket holds the other draining backend.
        service.Drain(2);
        service.Fill(4).Succeed(3).Substitute(4).Frontend(Service.Address, 80).Drain(3);
        _node.Pass(1, service.To(_client, 5000), 4);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 4);
        service.Detach(2);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 4);
        service.Succeed(4).Detach(3);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 4);
        service.Backend(5, _node.AddPod(5), 80).Fill(5).Substitute(5).Frontend(Service.Address, 80).Drain(4);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 4);
        _node.Pass(1, service.To(_client, 5000), 5);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 5);
        service.Succeed(5).Detach(4);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack | Frame.Psh), 5);
    }

    [Fact]
    public void Moved_flows_stay_when_other_backends_change()
    {
        // Each succession bucket holds a different backend; a flow moves to the one in its bucket.
        var service = new Service(_node, Frame.Udp);
        for (uint i = 2; i <= 5; i++)
        {
            service.Backend(i, _node.AddPod((int)i), 80);
        }

        service.Fill(2).Frontend(Service.Address, 80);
        var flows = Enumerable.Range(5000, 40).Select(p => (ushort)p).ToArray();
        foreach (var port in flows)
        {
            _node.Pass(1, service.To(_client, port), 2);
        }

        service.Fill(3, 4, 5).Succeed(3, 4, 5, 3, 4, 5, 3, 4).Frontend(Service.Address, 80).Detach(2);
        var moved = flows.ToDictionary(p => p, p => _node.Send(1, service.To(_client, p))!.Value.Frame.Destination);
        Assert.Equal(3, moved.Values.Distinct().Count());

        service.Fill(3, 4, 5, 3).Frontend(Service.Address, 80);
        Assert.All(flows, p => Assert.Equal(moved[p], _node.Send(1, service.To(_client, p))!.Value.Frame.Destination));
        service.Succeed(3, 4, 4, 3, 4, 3, 3, 4).Detach(5);
        Assert.All(flows.Where(p => moved[p] != Node.PodAddress(5)),
            p => Assert.Equal(moved[p], _node.Send(1, service.To(_client, p))!.Value.Frame.Destination));
    }

    [Fact]
    public void An_established_SCTP_association_stays_with_a_draining_backend()
    {
        var service = ThreeBackends(Frame.Sctp);
        _node.Pass(1, service.To(_client, 5000), 2);
        service.Drain(2);
        service.Fill(3).Frontend(Service.Address, 80);
        _node.Pass(1, Frame.Build(Frame.Sctp, _client, 5000, Service.Address, 80, sequence: 0xABCD), 2);
        _node.Pass(1, service.To(_client, 5000), 3);
        _node.Pass(1, Frame.Build(Frame.Sctp, _client, 5000, Service.Address, 80, sequence: 0xABCD), 3);
    }

    [Fact]
    public void A_connection_outlives_its_service()
    {
        var service = ThreeBackends(Frame.Tcp);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Tcp], 80, 0);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack), 2);
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        // Without the frontend's row replies come from the pod's own address.
        _node.Remove("frontends", 80);
        Assert.Equal(Node.PodAddress(2), _node.Pass(2, Service.Answer(seen), 1).Source);
    }

    [Fact]
    public void A_connection_continues_when_another_service_takes_its_address()
    {
        var service = ThreeBackends(Frame.Tcp);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        service.Drain(2);
        // The same frontend ID: it belongs to the address, not to the service.
        var next = new Service(_node, Frame.Tcp, set: 2).Backend(20, _node.AddPod(5), 80).Fill(20).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000, Frame.Ack), 2);
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        _node.Pass(1, next.To(_client, 5001), 5);
        _node.Pass(1, next.To(_client, 5001, Frame.Ack), 5);
    }

    [Fact]
    public void Entries_of_an_address_do_not_affect_its_next_owner()
    {
        var service = ThreeBackends(Frame.Udp);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(seen), 1).Source);
        service.Detach(2);
        // Not a backend: what it sends from the same port to the same client is not translated.
        Assert.Equal(Node.PodAddress(2), _node.Pass(2, Service.Answer(seen), 1).Source);
        // A backend of another service.
        var other = new Service(_node, Frame.Udp, set: 2).Backend(20, Node.PodAddress(2), 80).Fill(20)
            .Frontend(Service.Address + 9, 80, id: 900);
        Assert.Equal(Node.PodAddress(2), _node.Pass(2, Service.Answer(seen), 1).Source);
        seen = _node.Pass(1, Frame.Build(Frame.Udp, _client, 5000, Service.Address + 9, 80), 2);
        Assert.Equal(Service.Address + 9, _node.Pass(2, Service.Answer(seen), 1).Source);
        // The old flow moves to another backend, not to the new owner.
        service.Fill(3).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), 3);
        Assert.NotNull(other);
    }

    [Theory]
    [InlineData(Frame.Ack)]
    [InlineData(Frame.Ack | Frame.Psh)]
    [InlineData(Frame.Ack | Frame.Fin)]
    [InlineData(Frame.Ack | Frame.Syn)]
    public void A_TCP_packet_of_an_unknown_connection_is_answered_with_a_reset(byte flags)
    {
        var service = ThreeBackends(Frame.Tcp);
        var frame = service.To(_client, 5000, flags, payload: "data"u8);
        var reset = _node.Pass(1, frame, 1);
        Assert.Equal((Frame.Rst, 77u, 0u, 40), (reset.Flags, reset.Sequence, reset.Acknowledgment, reset.TotalLength));
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_client)}:5000", reset.Path);
        Assert.Equal((Node.PodMac(1), Node.GatewayMac, 64), (reset.DestinationMac, reset.SourceMac, reset.Ttl));
        Assert.Equal(1ul, _node.Drops(DropReason.NoFlow));
        Assert.Equal(0, _node.Learned("flows") + _node.Learned("replies"));
    }

    [Theory]
    [InlineData(Frame.Rst)]
    [InlineData(Frame.Rst | Frame.Ack)]
    [InlineData(Frame.Fin)]
    [InlineData(0)]
    public void A_packet_that_must_not_be_answered_is_dropped(byte flags)
    {
        Assert.Null(_node.Send(1, ThreeBackends(Frame.Tcp).To(_client, 5000, flags)));
        Assert.Equal(1ul, _node.Drops(DropReason.NoFlow));
    }

    [Fact]
    public void A_full_table_refuses_new_connections_and_keeps_the_others()
    {
        var service = ThreeBackends(Frame.Tcp);
        var connection = new Connection(_node, 1, _client, 5000).Open(2);
        // Fill the table, with pods that each use their own share.
        for (var pod = 100; pod < 170; pod++)
        {
            var address = _node.AddPod(pod);
            for (var i = 0; i < 4000; i++)
            {
                _node.Send((uint)pod, service.To(address, (ushort)(2000 + i)));
            }
        }
        Assert.True(_node.Statistics.NotLearned > 0);

        // A connection without an entry is reset with its next packet; no packet is misrouted.
        _node.Pass(1, service.To(_client, 5001), 2);
        Assert.Equal(Frame.Rst, _node.Pass(1, service.To(_client, 5001, Frame.Ack), 1).Flags);
        connection.Ask(2, Frame.Ack | Frame.Psh, "question");
        // Expired entries make room.
        _node.Time.Advance(TimeSpan.FromSeconds(61));
        _node.Pass(1, service.To(_client, 5002), 2);
        _node.Pass(1, service.To(_client, 5002, Frame.Ack), 2);
    }
}
