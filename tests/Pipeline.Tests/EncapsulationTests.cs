using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Packets to pods of other nodes through VXLAN (RFC 7348).</summary>
public sealed class EncapsulationTests : IDisposable
{
    private readonly Node _node = new();
    private readonly uint _pod;
    private readonly Cluster _cluster;

    public EncapsulationTests()
    {
        _pod = _node.AddPod(1);
        _cluster = new Cluster(_node);
    }

    public void Dispose() => _node.Dispose();

    private Vxlan Encapsulated(uint port, Frame frame) => new(_node.Pass(port, frame, Node.UplinkPort));

    // Apart from the TTL and its checksum, the inner packet is what was sent.
    private static void AssertInner(Frame sent, Vxlan received)
    {
        var expected = sent.Ip.ToArray();
        var actual = received.Inner.Ip.ToArray();
        Assert.Equal(expected[8] - 1, actual[8]);
        (actual[8], actual[10], actual[11]) = (expected[8], expected[10], expected[11]);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(actual));
        Checksums.AssertCorrect(received.Inner);
    }

    [Theory]
    [InlineData(Frame.Icmp)]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    [InlineData((byte)47)]
    public void A_packet_to_a_pod_of_a_peer_is_encapsulated(byte protocol)
    {
        var sent = protocol == Frame.Icmp
            ? Frame.Echo(_pod, Cluster.PeerPod, 77)
            : Frame.Build(protocol, _pod, 5000, Cluster.PeerPod, 53, "payload"u8);
        var received = Encapsulated(1, sent);
        var outer = received.Outer;
        Assert.Equal((Node.GatewayMac, Cluster.NeighborMac), (outer.SourceMac, outer.DestinationMac));
        Assert.Equal((Node.Address, Cluster.Peer, Frame.Udp, 64), (outer.Source, outer.Destination, outer.Protocol, outer.Ttl));
        // Don't fragment; no UDP checksum.
        Assert.Equal((0x4000, 0), (outer.FragmentField, outer.UdpChecksum));
        Assert.Equal((sent.TotalLength + 50, sent.TotalLength + 30), (outer.TotalLength, received.UdpLength));
        Assert.Equal(outer.TotalLength + 14, outer.Bytes.Length);
        Assert.Equal(Vxlan.Port, outer.DestinationPort);
        Assert.InRange(outer.SourcePort, 0xC000, 0xFFFF);
        Assert.Equal((0x08000000ul, (ulong)Cluster.Vni << 8), (received.Flags, received.Identifier));
        Assert.Equal((Cluster.TunnelMac, Cluster.PeerMac), (received.Inner.SourceMac, received.Inner.DestinationMac));
        Assert.Equal("0800", Convert.ToHexString(received.Inner.Bytes, 12, 2));
        AssertInner(sent, received);
    }

    [Fact]
    public void The_outer_checksum_is_correct_for_any_length_class_and_address()
    {
        // Node.Send checks it. Sums with one and with two carries, and the one that is zero.
        var dice = new Random(7348);
        for (var i = 0; i < 2000; i++)
        {
            var (source, peer) = ((uint)dice.NextInt64(uint.MaxValue), (uint)dice.NextInt64(uint.MaxValue));
            _cluster.PutTunnel(Cluster.Tunnel, Cluster.Neighbor, peer, Cluster.PeerMac, source);
            var sent = Frame.Build(Frame.Udp, _pod, 5000, Cluster.PeerPod, 53, new byte[dice.Next(1400)]);
            var received = Encapsulated(1, Vxlan.WithTrafficClass(sent, (byte)dice.Next(256)));
            Assert.Equal((source, peer), (received.Outer.Source, received.Outer.Destination));
        }

        // 0x4500 + class + 79 + 0x4000 + 0x4011 + addresses = 0xFFFF, and around it.
        for (uint last = 0x3A80; last < 0x3AC0; last++)
        {
            _cluster.PutTunnel(Cluster.Tunnel, Cluster.Neighbor, last << 16, Cluster.PeerMac, 0);
            _node.Pass(1, Frame.Build(Frame.Udp, _pod, 5000, Cluster.PeerPod, 53, "x"u8), Node.UplinkPort);
        }
    }

    [Fact]
    public void DSCP_and_ECN_are_copied()
    {
        foreach (var trafficClass in new byte[] { 0, 1, 2, 3, 0xB8, 0xFF })
        {
            var received = Encapsulated(1, Vxlan.WithTrafficClass(Frame.Echo(_pod, Cluster.PeerPod, 77), trafficClass));
            Assert.Equal((trafficClass, trafficClass), (received.Outer.Bytes[15], received.Inner.Bytes[15]));
        }
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void The_source_port_tells_flows_apart_and_is_the_same_for_one_flow(byte protocol)
    {
        var ports = new HashSet<ushort>();
        for (ushort client = 5000; client < 5064; client++)
        {
            var port = Encapsulated(1, Frame.Build(protocol, _pod, client, Cluster.PeerPod, 53)).Outer.SourcePort;
            for (var length = 1; length < 1300; length *= 4)
            {
                var more = Frame.Build(protocol, _pod, client, Cluster.PeerPod, 53, new byte[length], Frame.Ack, sequence: 77);
                Assert.Equal(port, Encapsulated(1, more).Outer.SourcePort);
            }

            Assert.InRange(port, 0xC000, 0xFFFF);
            ports.Add(port);
        }

        Assert.InRange(ports.Count, 56, 64);
    }

    [Fact]
    public void All_fragments_of_a_packet_have_the_same_source_port()
    {
        var sent = Frame.Build(Frame.Udp, _pod, 5000, Cluster.PeerPod, 53, new byte[4000]).Fragments(1400, 9);
        var received = sent.Select(f => Encapsulated(1, f)).ToList();
        Assert.Single(received.Select(r => r.Outer.SourcePort).Distinct());
        Assert.Equal(new byte[4000], Frame.Reassemble([.. received.Select(r => r.Inner)]).Payload.ToArray());
        // Also if the first one is known because the flow is translated.
        var service = new Service(_node, Frame.Udp).Backend(1, Cluster.PeerPod).Fill(1).Frontend(Service.Address, 80);
        sent = service.To(_pod, 5000, payload: new byte[4000]).Fragments(1400, 10);
        received = [.. sent.Select(f => Encapsulated(1, f))];
        Assert.Single(received.Select(r => r.Outer.SourcePort).Distinct());
        Checksums.AssertCorrect(Frame.Reassemble([.. received.Select(r => r.Inner)]));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void A_packet_over_the_MTU_of_the_tunnel_is_answered(byte protocol)
    {
        var header = protocol == Frame.Tcp ? 40 : 28;
        var largest = Frame.Build(protocol, _pod, 5000, Cluster.PeerPod, 53, new byte[Cluster.TunnelMtu - header]);
        Assert.Equal(Cluster.LinkMtu, Encapsulated(1, largest).Outer.TotalLength);
        var sent = Frame.Build(protocol, _pod, 5000, Cluster.PeerPod, 53, new byte[Cluster.TunnelMtu - header + 1]);
        var answer = _node.Pass(1, sent, 1);
        Assert.Equal((Frame.Icmp, 0x0304, Node.Gateway), (answer.Protocol, answer.SourcePort, answer.Source));
        Assert.Equal(Cluster.TunnelMtu, answer.Sequence & 0xFFFF);
        Assert.Equal(Convert.ToHexString(sent.Ip[..28]), Convert.ToHexString(answer.Ip.Slice(28, 28)));
        Assert.Equal(1ul, _node.Drops(DropReason.TooBig));
        // The MTU of the neighbour is not that of the inner packet.
        _node.Put("next_hops", "direct", [Cluster.Neighbor], Node.UplinkPort, Node.GatewayMac, Cluster.NeighborMac, 1000);
        Encapsulated(1, largest);
    }

    [Fact]
    public void The_largest_packet_fits_the_buffers()
    {
        const ushort mtu = 9216 - Vxlan.Overhead;
        _cluster.PutTunnel(Cluster.Tunnel, Cluster.Neighbor, Cluster.Peer, Cluster.PeerMac, mtu: mtu);
        var sent = Frame.Build(Frame.Udp, _pod, 5000, Cluster.PeerPod, 53, new byte[mtu - 28]);
        var received = Encapsulated(1, sent);
        Assert.Equal(9216 + 14, received.Outer.Bytes.Length);
        AssertInner(sent, received);
        // And back.
        var back = Frame.Build(Frame.Udp, Cluster.PeerPod, 53, _pod, 5000, new byte[mtu - 28]);
        Assert.Equal(mtu, _node.Pass(Node.UplinkPort, Cluster.FromPeer(back), 1).TotalLength);
    }

    [Fact]
    public void A_tunnel_is_not_led_through_another_tunnel()
    {
        _cluster.PutTunnel(Cluster.Tunnel, Cluster.OtherTunnel, Cluster.Peer, Cluster.PeerMac);
        var message = _node.Pass(1, Frame.Build(Frame.Udp, _pod, 5000, Cluster.PeerPod, 53), 1);
        Assert.Equal((Frame.Icmp, 0x0300, 70), (message.Protocol, message.SourcePort, message.Bytes.Length));
        Assert.Equal(1ul, _node.Drops(DropReason.NoRoute));
    }

    [Fact]
    public void A_service_reaches_a_pod_of_a_peer_and_its_answer_returns()
    {
        new Service(_node).Backend(1, Cluster.PeerPod).Fill(1).Frontend(Service.Address, 80);
        var seen = Encapsulated(1, Frame.Build(Frame.Tcp, _pod, 5000, Service.Address, 80));
        Assert.Equal((_pod, Cluster.PeerPod, 8080), (seen.Inner.Source, seen.Inner.Destination, seen.Inner.DestinationPort));
        Checksums.AssertCorrect(seen.Inner);
        var answer = Service.Answer(seen.Inner, Frame.Syn | Frame.Ack);
        var back = _node.Pass(Node.UplinkPort, Cluster.FromPeer(answer), 1);
        Assert.Equal($"{Frame.Text(Service.Address)}:80 > {Frame.Text(_pod)}:5000", back.Path);
    }

    [Fact]
    public void Messages_of_the_router_reach_pods_of_peers()
    {
        // To different ports: the rate limit takes others for the same packet.
        var expired = Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, _pod, 53, "payload"u8);
        expired.Bytes[22] = 1;
        AssertMessage(Vxlan.WithHeaderChecksum(expired), 0x0B00, Node.Address);
        AssertMessage(Frame.Build(Frame.Udp, Cluster.PeerPod, 5001, 0x0AF40199, 54), 0x0301, Node.Address);
        AssertMessage(Frame.Build(Frame.Udp, Cluster.PeerPod, 5001, Cluster.Unassigned, 55), 0x0300, Node.Address);
        _node.Put("services", "refuse", [1, Service.Address, 80, Frame.Udp], 80, 0);
        AssertMessage(Frame.Build(Frame.Udp, Cluster.PeerPod, 5002, Service.Address, 80), 0x0303, Service.Address);
        _node.Put("next_hops", "direct", [Cluster.Direct], Node.UplinkPort, Node.GatewayMac, 0x0A00000000D4, 1000);
        var large = Frame.Build(Frame.Udp, Cluster.PeerPod, 5003, Cluster.DirectPod, 56, new byte[1400]);
        AssertMessage(large, 0x0304, Node.Address);

        _node.Put("services", "balance", [1, Service.Address, 80, Frame.Tcp], 80, 1, 1, 0, 0, 0, 0, 0);
        var unknown = Frame.Build(Frame.Tcp, Cluster.PeerPod, 5000, Service.Address, 80, flags: Frame.Ack, acknowledgment: 77);
        var reset = Encapsulated(Node.UplinkPort, Cluster.FromPeer(unknown));
        Assert.Equal((Cluster.Peer, Frame.Rst, 77u, Service.Address),
            (reset.Outer.Destination, reset.Inner.Flags, reset.Inner.Sequence, reset.Inner.Source));
        Checksums.AssertCorrect(reset.Inner);

        void AssertMessage(Frame sent, ushort typeAndCode, uint source)
        {
            var message = Encapsulated(Node.UplinkPort, Cluster.FromPeer(sent));
            Assert.Equal((Cluster.NeighborMac, Node.Address, Cluster.Peer),
                (message.Outer.DestinationMac, message.Outer.Source, message.Outer.Destination));
            Assert.Equal((Frame.Icmp, typeAndCode, source, Cluster.PeerPod, 56),
                (message.Inner.Protocol, message.Inner.SourcePort, message.Inner.Source, message.Inner.Destination,
                    message.Inner.TotalLength));
            Assert.Equal(Convert.ToHexString(sent.Ip[..28]), Convert.ToHexString(message.Inner.Ip.Slice(28, 28)));
            Checksums.AssertCorrect(message.Inner);
        }
    }

    [Fact]
    public void The_gateway_s_answers_to_the_host_stay_plain()
    {
        var answer = _node.Pass(Node.HostPort, Frame.Echo(Node.Address, Node.Gateway, 77), Node.HostPort);
        Assert.Equal((Frame.Icmp, Node.Address), (answer.Protocol, answer.Destination));
    }
}
