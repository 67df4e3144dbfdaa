using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Flows whose source address is rewritten as well.</summary>
public sealed class MasqueradeTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;
    private readonly Node _node = new();
    private readonly uint _pod;

    public MasqueradeTests()
    {
        _pod = _node.AddPod(1);
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    private static void AssertFromPool(Frame frame, int first = 50000, int count = 0x400, uint ip = Node.Address)
    {
        Assert.Equal(ip, frame.Source);
        Assert.InRange(frame.SourcePort, first, first + count - 1);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void A_pod_reaches_itself_through_the_service(byte protocol)
    {
        var service = new Service(_node, protocol).Backend(1, _pod).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_pod, 5000), 1);
        AssertFromPool(seen, 40000, 0x1000, Node.Gateway);
        Assert.Equal((_pod, 8080), (seen.Destination, seen.DestinationPort));
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_pod)}:5000",
            _node.Pass(1, Service.Answer(seen, Frame.Syn | Frame.Ack), 1).Path);
        Assert.Equal(seen.Path, _node.Pass(1, service.To(_pod, 5000, Frame.Ack), 1).Path);
    }

    [Fact]
    public void The_node_never_receives_packets_from_its_own_addresses()
    {
        // A backend on the host network: the node reaches it from the gateway's address, other clients keep their own address even if
        // the frontend masquerades.
        var service = new Service(_node) { Pool = Pool }.Backend(1, Node.Address, 6443).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Service.Address, 80, outside: true);
        foreach (var own in new[] { Node.Address, 0xC8010102u })
        {
            var seen = _node.Pass(Node.HostPort, service.To(own, 5000), Node.HostPort);
            AssertFromPool(seen, 40000, 0x1000, Node.Gateway);
            Assert.Equal((Node.Address, 6443, Node.HostMac), (seen.Destination, seen.DestinationPort, seen.DestinationMac));
            var back = _node.Send(Node.HostPort, Service.Answer(seen))!.Value.Frame;
            Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(own)}:5000", back.Path);
            Assert.Equal(seen.Path, _node.Pass(Node.HostPort, service.To(own, 5000, Frame.Ack), Node.HostPort).Path);
        }
        Assert.Equal(_pod, _node.Pass(1, service.To(_pod, 5000), Node.HostPort).Source);
        Assert.Equal(External, _node.Pass(Node.UplinkPort, service.To(External, 5000), Node.HostPort).Source);
        // Two flows with the same tuple at the backend.
        var twin = _node.Pass(1, Frame.Build(Frame.Tcp, _pod, 5000, Service.Address + 1, 81), Node.UplinkPort);
        Assert.Equal(Service.Address + 1, twin.Destination);
        service.Frontend(Service.Address + 1, 81);
        AssertFromPool(_node.Pass(1, Frame.Build(Frame.Tcp, _pod, 5000, Service.Address + 1, 81), Node.HostPort), 40000, 0x1000,
            Node.Gateway);
    }

    [Fact]
    public void An_internal_address_of_the_host_does_not_reach_backends_on_other_machines()
    {
        const uint remote = 0x0AF40205;
        new Service(_node).Backend(1, remote).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(Node.HostPort, Frame.Build(Frame.Tcp, Node.HostAddress, 5000, Service.Address, 80), Node.UplinkPort);
        AssertFromPool(seen, 40000, 0x1000);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(Node.HostAddress)}:5000",
            _node.Pass(Node.UplinkPort, Service.Answer(seen, Frame.Syn | Frame.Ack), Node.HostPort).Path);
        // The node's own address is answered.
        var own = _node.Pass(Node.HostPort, Frame.Build(Frame.Tcp, Node.Address, 5001, Service.Address, 80), Node.UplinkPort);
        Assert.Equal((Node.Address, 5001), (own.Source, own.SourcePort));
    }

    [Fact]
    public void A_pod_of_the_node_sees_the_hosts_internal_address()
    {
        new Service(_node).Backend(1, _pod).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(Node.HostPort, Frame.Build(Frame.Tcp, Node.HostAddress, 5000, Service.Address, 80), 1);
        Assert.Equal((Node.HostAddress, 5000), (seen.Source, seen.SourcePort));
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(Node.HostAddress)}:5000",
            _node.Pass(1, Service.Answer(seen, Frame.Syn | Frame.Ack), Node.HostPort).Path);
    }

    [Fact]
    public void Replies_to_external_clients_return_through_the_node()
    {
        const uint remote = 0x0AF40205;
        var service = new Service(_node) { Pool = Pool }.Backend(1, remote).Fill(1);
        _node.Put("services", "balance", [1, Node.Address, 30080, Frame.Tcp], 30080, 1, 1, 0, Pool, 0, 0, 0);
        _node.Put("frontends", "frontend_address", [30080], Node.Address, 30080);
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(Frame.Tcp, External, 5000, Node.Address, 30080), Node.UplinkPort);
        AssertFromPool(seen);
        Assert.Equal(remote, seen.Destination);
        var back = _node.Pass(Node.UplinkPort, Service.Answer(seen), Node.UplinkPort);
        Assert.Equal($"{Frame.Text(Node.Address)}:30080 > {Frame.Text(External)}:5000", back.Path);
        // The flow keeps its port while it lives, even if the row changes.
        _node.Put("services", "refuse", [1, Node.Address, 30080, Frame.Tcp], 30080, 0);
        Assert.Equal(seen.Path, _node.Pass(Node.UplinkPort, Frame.Build(Frame.Tcp, External, 5000, Node.Address, 30080, flags: Frame.Ack),
            Node.UplinkPort).Path);
        Assert.NotNull(service);
    }

    [Theory]
    [InlineData(Frame.Tcp, Pool)]
    [InlineData(Frame.Udp, Pool)]
    [InlineData(Frame.Tcp, 0)]
    [InlineData(Frame.Udp, 0)]
    public void A_client_beyond_the_uplink_that_is_its_own_backend_sees_an_address_of_the_node(byte protocol, byte pool)
    {
        // Also if the host forwards it.
        foreach (var (port, outside, frontend) in new[] { (Node.UplinkPort, true, (ushort)30080), (Node.HostPort, false, (ushort)30081) })
        {
            new Service(_node, protocol) { Pool = pool }.Backend(1, External).Fill(1).Frontend(Node.Address, frontend, outside);
            var seen = _node.Pass(port, Frame.Build(protocol, External, 5000, Node.Address, frontend), Node.UplinkPort);
            AssertFromPool(seen, pool == Pool ? 50000 : 40000, pool == Pool ? 0x400 : 0x1000);
            Assert.Equal((External, 8080), (seen.Destination, seen.DestinationPort));
            var back = _node.Pass(Node.UplinkPort, Service.Answer(seen, Frame.Syn | Frame.Ack), Node.UplinkPort);
            Assert.Equal($"{Frame.Text(Node.Address)}:{frontend} > {Frame.Text(External)}:5000", back.Path);
            Assert.Equal(seen.Path,
                _node.Pass(port, Frame.Build(protocol, External, 5000, Node.Address, frontend, flags: Frame.Ack), Node.UplinkPort).Path);
        }
    }

    [Fact]
    public void Flows_that_would_collide_at_a_backend_get_different_source_ports()
    {
        // One client port, two services, one pod: the pod could not tell the flows apart.
        var backend = _node.AddPod(2);
        var service = new Service(_node, Frame.Udp).Backend(1, backend).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Service.Address + 1, 81);
        var one = _node.Pass(1, service.To(_pod, 5000), 2);
        var two = _node.Pass(1, Frame.Build(Frame.Udp, _pod, 5000, Service.Address + 1, 81), 2);
        Assert.Equal(_pod, one.Source);
        // As in the kernel, only the port is changed.
        AssertFromPool(two, 40000, 0x1000, _pod);
        Assert.Equal(Service.Address, _node.Pass(2, Service.Answer(one), 1).Source);
        var back = _node.Pass(2, Service.Answer(two), 1);
        Assert.Equal($"{Frame.Text(Service.Address + 1)}:81 > {Frame.Text(_pod)}:5000", back.Path);
        Assert.Equal(two.Path, _node.Pass(1, Frame.Build(Frame.Udp, _pod, 5000, Service.Address + 1, 81), 2).Path);
    }

    [Fact]
    public void An_exhausted_port_range_drops_only_new_flows()
    {
        // 19 ports, not a power of two, and a single backend.
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 19, 0x1F);
        var service = new Service(_node) { Pool = Pool }.Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        var used = new Dictionary<ushort, ushort>();
        var refused = 0ul;
        for (ushort port = 5000; port < 5200; port++)
        {
            if (_node.Send(1, service.To(_pod, port)) is { } sent)
            {
                AssertFromPool(sent.Frame, 50000, 19);
                Assert.True(used.TryAdd(sent.Frame.SourcePort, port), "the same port was assigned twice");
            }
            else
            {
                refused++;
            }
        }
        Assert.Equal(19, used.Count);
        Assert.Equal(181ul, refused);
        Assert.Equal(refused, _node.Drops(DropReason.Masquerade));
        foreach (var (given, port) in used)
        {
            Assert.Equal(given, _node.Pass(1, service.To(_pod, port, Frame.Ack), 2).SourcePort);
            var back = _node.Pass(2, Frame.Build(Frame.Tcp, Node.PodAddress(2), 8080, Node.Address, given, flags: Frame.Ack), 1);
            Assert.Equal(port, back.DestinationPort);
        }
        // The same range still serves another backend, and this one again after the timeout.
        new Service(_node, set: 2) { Pool = Pool }.Backend(2, _node.AddPod(3)).Fill(2).Frontend(Service.Address + 1, 81);
        _node.Pass(1, Frame.Build(Frame.Tcp, _pod, 5000, Service.Address + 1, 81), 3);
        _node.Time.Advance(TimeSpan.FromMinutes(13 * 60));
        _node.Pass(1, service.To(_pod, 6000), 2);
    }

    [Fact]
    public void A_flow_without_its_pool_is_dropped()
    {
        var service = new Service(_node) { Pool = 9 }.Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        Assert.Null(_node.Send(1, service.To(_pod, 5000)));
        Assert.Equal(1ul, _node.Drops(DropReason.Masquerade));
        Assert.Equal(0, _node.Learned("flows") + _node.Learned("replies"));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void Traffic_leaving_the_cluster_is_masqueraded_with_the_node_address(byte protocol)
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        var seen = _node.Pass(1, Frame.Build(protocol, _pod, 5000, External, 53, sequence: 0), Node.UplinkPort);
        if (protocol == Frame.Sctp)
        {
            Assert.Equal((Node.Address, 5000), (seen.Source, seen.SourcePort));
        }
        else
        {
            AssertFromPool(seen);
        }

        Assert.Equal((External, 53), (seen.Destination, seen.DestinationPort));
        var back = _node.Pass(Node.UplinkPort, Service.Answer(seen, Frame.Syn | Frame.Ack), 1);
        Assert.Equal($"{Frame.Text(External)}:53 > {Frame.Text(_pod)}:5000", back.Path);
        // Not masqueraded: excluded prefixes, traffic not from a pod, and unsolicited replies.
        Assert.Equal(_pod, _node.Pass(1, Frame.Build(protocol, _pod, 5000, 0x0AF40207, 53), Node.UplinkPort).Source);
        Assert.Equal(Node.Address,
            _node.Pass(Node.UplinkPort, Frame.Build(protocol, External, 53, Node.Address, 51999), Node.HostPort).Destination);
        Assert.Equal(7777, _node.Pass(Node.HostPort, Frame.Build(protocol, Node.Address, 7777, External, 53), Node.UplinkPort).SourcePort);
    }

    [Fact]
    public void Echo_requests_with_the_same_identifier_get_different_ones()
    {
        _node.AddPod(2);
        _node.AddPod(3);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        var seen = new Dictionary<ushort, uint>();
        for (uint pod = 1; pod <= 3; pod++)
        {
            var ping = _node.Pass(pod, Frame.Echo(Node.PodAddress((int)pod), External, 77), Node.UplinkPort);
            Assert.Equal((Node.Address, External), (ping.Source, ping.Destination));
            Assert.InRange(ping.Identifier, 50000, 50000 + 0x3FF);
            Assert.True(seen.TryAdd(ping.Identifier, pod), "the same identifier was assigned twice");
            Assert.Equal(ping.Identifier, _node.Pass(pod, Frame.Echo(Node.PodAddress((int)pod), External, 77), Node.UplinkPort).Identifier);
        }
        foreach (var (identifier, pod) in seen)
        {
            var answer = _node.Pass(Node.UplinkPort, Frame.Echo(External, Node.Address, identifier, reply: true), pod);
            Assert.Equal((Node.PodAddress((int)pod), 77), (answer.Destination, answer.Identifier));
        }
    }

    [Fact]
    public void A_reply_to_an_incoming_echo_keeps_the_pod_address()
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        foreach (var identifier in new ushort[] { 78, 0 })
        {
            var answer = _node.Pass(1, Frame.Echo(_pod, External, identifier, reply: true), Node.UplinkPort);
            Assert.Equal((_pod, identifier), (answer.Source, answer.Identifier));
        }
        // The reply to the pod's own echo with identifier 0 arrives.
        var ping = _node.Pass(1, Frame.Echo(_pod, External, 0), Node.UplinkPort);
        Assert.Equal(0, _node.Pass(Node.UplinkPort, Frame.Echo(External, Node.Address, ping.Identifier, reply: true), 1).Identifier);
    }
}
