using System.Buffers.Binary;
using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>VXLAN packets from other nodes, and what only looks like them.</summary>
public sealed class DecapsulationTests : IDisposable
{
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _pod;
    private readonly Cluster _cluster;

    public DecapsulationTests()
    {
        _pod = _node.AddPod(1);
        _node.AddPod(2);
        _cluster = new Cluster(_node);
    }

    public void Dispose() => _node.Dispose();

    private Frame FromPeerPod(uint source = Cluster.PeerPod, byte protocol = Frame.Udp)
        => Frame.Build(protocol, source, 5000, _pod, 53, "payload"u8);

    private static Frame Around(Frame inner, uint source = Cluster.Peer, uint vni = Cluster.Vni, uint flags = 0x08000000,
        ulong innerMac = Cluster.TunnelMac)
        => Vxlan.Around(inner.From(Cluster.PeerMac, innerMac), source, Cluster.TunnelAddress, vni, flags: flags);

    // A change of the outer or inner bytes, with a correct outer header checksum.
    private static Frame Changed(Frame frame, Action<byte[]> change)
    {
        change(frame.Bytes);
        return Vxlan.WithHeaderChecksum(frame);
    }

    private void AssertDropped(Frame frame, DropReason reason = DropReason.Tunnel)
    {
        var before = _node.Drops(reason);
        Assert.Null(_node.Send(Node.UplinkPort, frame));
        Assert.Equal(before + 1, _node.Drops(reason));
    }

    private static void AssertSame(Frame sent, Frame received)
    {
        var (expected, actual) = (sent.Ip.ToArray(), received.Ip.ToArray());
        Assert.Equal(expected[8] - 1, actual[8]);
        (actual[8], actual[10], actual[11]) = (expected[8], expected[10], expected[11]);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(actual));
    }

    [Theory]
    [InlineData(Frame.Icmp)]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    [InlineData((byte)47)]
    public void A_packet_of_a_peer_s_pod_arrives_as_if_it_came_plain(byte protocol)
    {
        var inner = protocol == Frame.Icmp ? Frame.Echo(Cluster.PeerPod, _pod, 77) : FromPeerPod(protocol: protocol);
        var received = _node.Pass(Node.UplinkPort, Cluster.FromPeer(inner), 1);
        Assert.Equal((Node.GatewayMac, Node.PodMac(1)), (received.SourceMac, received.DestinationMac));
        Assert.Equal(inner.TotalLength + 14, received.Bytes.Length);
        AssertSame(inner, received);
        Assert.All(Enum.GetValues<DropReason>(), r => Assert.Equal(0ul, _node.Drops(r)));
    }

    [Fact]
    public void A_peer_itself_may_send_from_its_outer_address_and_its_ranges_only()
    {
        Assert.Equal(Cluster.Peer, _node.Pass(Node.UplinkPort, Around(FromPeerPod(Cluster.Peer)), 1).Source);
        Assert.Equal(Cluster.PeerRange, _node.Pass(Node.UplinkPort, Around(FromPeerPod(Cluster.PeerRange)), 1).Source);
        AssertDropped(Around(FromPeerPod(Cluster.OtherPeer)));
        AssertDropped(Around(FromPeerPod(Cluster.OtherPeerPod)));
        AssertDropped(Around(FromPeerPod(Cluster.DirectPod)));
        AssertDropped(Around(FromPeerPod(Cluster.Unassigned)));
        AssertDropped(Around(FromPeerPod(External)));
        AssertDropped(Around(FromPeerPod(Node.Address)));
        AssertDropped(Around(FromPeerPod(Node.PodAddress(2))));
        AssertDropped(Around(FromPeerPod(0)));
        // The guards of the uplink hold as well: if the rows give a peer the range of this node, its pods still own their addresses.
        _node.Put("destinations", "destination", [Node.PodAddress(0), Cluster.Mask], Cluster.Tunnel);
        AssertDropped(Around(FromPeerPod(Node.PodAddress(2))), DropReason.SpoofedPod);
    }

    [Fact]
    public void Only_known_peers_with_the_right_VNI_and_MAC_address_are_heard()
    {
        AssertDropped(Around(FromPeerPod(), source: 0xC0000299));
        AssertDropped(Around(FromPeerPod(), vni: Cluster.Vni + 1));
        AssertDropped(Around(FromPeerPod(), vni: 0));
        AssertDropped(Around(FromPeerPod(), innerMac: Cluster.PeerMac));
        AssertDropped(Around(FromPeerPod(), innerMac: 0xFFFFFFFFFFFF));
        AssertDropped(Around(FromPeerPod(), flags: 0));
        AssertDropped(Around(FromPeerPod(), flags: 0xF7FFFFFF));
        // A peer without a next hop of its own: nothing behind it is known.
        _node.Put("tunnels", "tunnel_peer", [0xC0000299, Cluster.Vni << 8], 0, Cluster.Mask);
        AssertDropped(Around(FromPeerPod(Cluster.Unassigned), source: 0xC0000299));
        _node.Pass(Node.UplinkPort, Around(FromPeerPod()), 1);
    }

    [Fact]
    public void Reserved_bits_and_the_UDP_checksum_are_ignored()
    {
        AssertSame(FromPeerPod(), _node.Pass(Node.UplinkPort, Around(FromPeerPod(), flags: 0xFFFFFFFF), 1));
        AssertSame(FromPeerPod(), _node.Pass(Node.UplinkPort, Changed(Around(FromPeerPod()), b => b[49] = 0xFF), 1));
        foreach (var value in new byte[] { 1, 0xFF })
        {
            AssertSame(FromPeerPod(), _node.Pass(Node.UplinkPort, Changed(Around(FromPeerPod()), b => b[41] = value), 1));
        }
    }

    [Fact]
    public void What_is_not_a_whole_IPv4_packet_in_a_whole_IPv4_packet_is_dropped()
    {
        // Fragments of the outer packet.
        AssertDropped(Changed(Around(FromPeerPod()), b => b[20] = 0x20));
        var pieces = Cluster.FromPeer(Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, _pod, 53, new byte[3000])).Fragments(1480, 9);
        AssertDropped(pieces[0]);
        // ARP, IPv6, a VLAN tag inside.
        foreach (var type in new ushort[] { 0x0806, 0x86DD, 0x8100, 0 })
        {
            AssertDropped(Changed(Around(FromPeerPod()), b => BinaryPrimitives.WriteUInt16BigEndian(b.AsSpan(62), type)));
        }

        // Lengths that do not fit.
        AssertDropped(Changed(Around(FromPeerPod()), b => b[39]++));
        AssertDropped(Changed(Around(FromPeerPod()), b => b[39]--));
        AssertDropped(Changed(Around(FromPeerPod()), b => b[67]++));
        foreach (var payload in new[] { 0, 8, 22, 41 })
        {
            AssertDropped(Frame.Build(Frame.Udp, Cluster.Peer, 0xC123, Cluster.TunnelAddress, Vxlan.Port, new byte[payload]));
        }

        // Trailing bytes in the inner frame are none of the packet.
        AssertSame(FromPeerPod(), _node.Pass(Node.UplinkPort, Around(new Frame([.. FromPeerPod().Bytes, 0, 0, 0])), 1));
        Assert.Equal(0ul, _node.Drops(DropReason.BadChecksum));
        var broken = Around(FromPeerPod());
        broken.Bytes[24] ^= 1;
        AssertDropped(broken, DropReason.BadChecksum);
        var foreign = Around(FromPeerPod()).From(Node.UplinkMac, Cluster.NeighborMac);
        Assert.Null(_node.SendBytes(Node.UplinkPort, foreign.Bytes));
        Assert.Equal(1ul, _node.Drops(DropReason.NotForGateway));
    }

    [Fact]
    public void The_inner_packet_is_checked_like_a_plain_one()
    {
        var expired = FromPeerPod();
        expired.Bytes[22] = 1;
        Assert.NotNull(_node.Send(Node.UplinkPort, Around(Vxlan.WithHeaderChecksum(expired))));
        Assert.Equal(1ul, _node.Drops(DropReason.TtlExpired));
        var broken = FromPeerPod();
        broken.Bytes[24] ^= 1;
        AssertDropped(Around(broken), DropReason.BadChecksum);
        var malformed = FromPeerPod();
        malformed.Bytes[14] = 0x65;
        AssertDropped(Around(Vxlan.WithHeaderChecksum(malformed)), DropReason.Malformed);
        var unassigned = Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, 0x0AF40199, 54);
        Assert.Equal(0x0301, new Vxlan(_node.Pass(Node.UplinkPort, Around(unassigned), Node.UplinkPort)).Inner.SourcePort);
    }

    [Fact]
    public void ECN_is_combined_as_in_RFC_6040()
    {
        // Rows: inner; columns: outer. Not-ECT 0, ECT(1) 1, ECT(0) 2, CE 3; -1: dropped.
        int[,] expected =
        {
            { 0, 0, 0, -1 },
            { 1, 1, 1, 3 },
            { 2, 1, 2, 3 },
            { 3, 3, 3, 3 },
        };
        for (byte inner = 0; inner < 4; inner++)
        {
            for (byte outer = 0; outer < 4; outer++)
            {
                // Among the identifications are those whose checksum changes with a carry. Node.Send checks it.
                for (var identification = 0; identification < 0x10000; identification += 0x101)
                {
                    var frame = Vxlan.WithTrafficClass(FromPeerPod(), (byte)(0xB8 | inner));
                    BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(18), (ushort)identification);
                    AssertEcn(Vxlan.WithHeaderChecksum(frame), outer, expected[inner, outer]);
                }

                foreach (var checksum in new ushort[] { 0, 1, 2, 3, 0xFFFC, 0xFFFD, 0xFFFE })
                {
                    var frame = Vxlan.WithTrafficClass(FromPeerPod(), inner);
                    BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(18), 0);
                    var without = (uint)BinaryPrimitives.ReadUInt16BigEndian(Vxlan.WithHeaderChecksum(frame).Bytes.AsSpan(24));
                    // checksum = without - identification, in one's complement
                    BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(18), (ushort)((without + 65535 - checksum) % 65535));
                    AssertEcn(Vxlan.WithHeaderChecksum(frame), outer, expected[inner, outer]);
                }
            }
        }

        void AssertEcn(Frame frame, byte outer, int ecn)
        {
            if (ecn < 0)
            {
                AssertDropped(Cluster.FromPeer(frame, trafficClass: outer));
                return;
            }

            var received = _node.Pass(Node.UplinkPort, Cluster.FromPeer(frame, trafficClass: outer), 1);
            Assert.Equal((frame.Bytes[15] & 0xFC) | ecn, received.Bytes[15]);
            Assert.Equal(Convert.ToHexString(frame.Ip[4..8]), Convert.ToHexString(received.Ip[4..8]));
        }
    }

    [Fact]
    public void Encapsulated_packets_that_are_not_for_this_node_are_routed_as_they_are()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _pod).Fill(1);
        service.Frontend(Cluster.TunnelAddress, Vxlan.LinuxPort, outside: true);
        service.Frontend(Service.Address, Vxlan.Port).Frontend(Service.Address, Vxlan.Port, outside: true);
        foreach (var payload in new[] { 0, 5, 8, 36, 41, 42, 43, 100, 1200, 1400 })
        {
            // To another address, to another port; then without tunnels at all. Without a service in any case.
            AssertRouted(Node.UplinkPort, Build(External, _pod, Vxlan.Port), 1);
            AssertRouted(Node.UplinkPort, Build(Cluster.Peer, Cluster.TunnelAddress, Vxlan.LinuxPort), Node.HostPort);
            AssertRouted(Node.UplinkPort, Build(External, Service.Address, Vxlan.Port), Node.UplinkPort);
            AssertRouted(Node.HostPort, Build(Node.Address, Cluster.Peer, Vxlan.Port), Node.UplinkPort);
            AssertRouted(Node.HostPort, Build(Node.Address, _pod, Vxlan.LinuxPort), 1);
            AssertRouted(Node.HostPort, Build(Node.HostAddress, Service.Address, Vxlan.Port), Node.UplinkPort);
            _cluster.UseTunnels(address: 0);
            AssertRouted(Node.UplinkPort, Build(Cluster.Peer, Cluster.TunnelAddress, Vxlan.Port), Node.HostPort);
            _cluster.UseTunnels();

            Frame Build(uint from, uint to, ushort port)
            {
                var data = new byte[payload];
                new Random(payload).NextBytes(data);
                return Frame.Build(Frame.Udp, from, 0xC123, to, port, data);
            }
        }

        // In fragments, too.
        foreach (var piece in Vxlan.Around(FromPeerPod(), Node.Address, External, Cluster.Vni).Fragments(80, 9))
        {
            AssertRouted(Node.HostPort, piece, Node.UplinkPort);
        }

        Assert.Equal(0, _node.Learned("flows") + _node.Learned("replies"));
        Assert.All(Enum.GetValues<DropReason>(), r => Assert.Equal(0ul, _node.Drops(r)));

        void AssertRouted(uint port, Frame frame, uint to)
        {
            var copy = new Frame([.. frame.Bytes]);
            AssertSame(copy, _node.Pass(port, frame, to));
        }
    }

    [Fact]
    public void Messages_about_encapsulated_packets_of_the_host_quote_the_outer_packet()
    {
        _node.Put("next_hops", "direct", [Cluster.Neighbor], Node.UplinkPort, Node.GatewayMac, Cluster.NeighborMac, 1400);
        _node.PutPrefix("routes", "to_next_hop", [0], 0, Cluster.Neighbor);
        foreach (var size in new[] { 1332, 1400 })
        {
            var sent = Vxlan.Around(Frame.Build(Frame.Udp, 0x0AF40299, 5000, Cluster.PeerPod, 53, new byte[size]), Node.Address,
                Cluster.Peer, Cluster.Vni);
            // Another identification, which the rate limit of messages goes by.
            sent = Changed(sent, b => b[19] = (byte)size);
            var copy = new Frame([.. sent.Bytes]);
            var message = _node.Pass(Node.HostPort, sent, Node.HostPort);
            Assert.Equal((Frame.Icmp, 0x0304, 56, 1400u),
                (message.Protocol, message.SourcePort, message.TotalLength, message.Sequence & 0xFFFF));
            Assert.Equal(Convert.ToHexString(copy.Ip[..28]), Convert.ToHexString(message.Ip.Slice(28, 28)));
            Assert.InRange(message.Bytes.Length, 70, sent.Bytes.Length);
        }
    }

    [Fact]
    public void A_pod_can_neither_encapsulate_nor_forge_what_a_peer_encapsulates()
    {
        var before = _node.Drops(DropReason.Tunnel);
        foreach (var port in new[] { Vxlan.Port, Vxlan.LinuxPort })
        {
            Assert.Null(_node.Send(1, Vxlan.Around(FromPeerPod(), _pod, Cluster.Peer, Cluster.Vni, port)));
            Assert.Null(_node.Send(1, Frame.Build(Frame.Udp, _pod, 5000, Node.PodAddress(2), port, "x"u8)));
            Assert.Null(_node.Send(1, Vxlan.Around(FromPeerPod(), _pod, Cluster.Peer, Cluster.Vni, port).Fragments(80, 9)[0]));
        }

        Assert.Null(_node.Send(1, Frame.Build(4, _pod, 5000, Cluster.Peer, 53)));
        Assert.Null(_node.Send(1, Frame.Build(4, _pod, 5000, Cluster.Peer, 53, new byte[200]).Fragments(80, 9)[0]));
        Assert.Equal(before + 8, _node.Drops(DropReason.Tunnel));

        // Nor through a service that leads to these ports.
        new Service(_node, Frame.Udp).Backend(1, Cluster.Peer, Vxlan.Port).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Service.Address, 80, outside: true);
        Assert.Null(_node.Send(1, Frame.Build(Frame.Udp, _pod, 5000, Service.Address, 80)));
        Assert.Equal(before + 9, _node.Drops(DropReason.Tunnel));
        Assert.NotNull(_node.Send(Node.UplinkPort, Frame.Build(Frame.Udp, External, 5000, Service.Address, 80)));
        // IP in IP of others is routed.
        AssertSame(Frame.Build(4, Node.Address, 5000, External, 53),
            _node.Pass(Node.HostPort, Frame.Build(4, Node.Address, 5000, External, 53), Node.UplinkPort));
        AssertSame(Frame.Build(4, External, 5000, Node.Address, 53),
            _node.Pass(Node.UplinkPort, Frame.Build(4, External, 5000, Node.Address, 53), Node.HostPort));
    }

    [Fact]
    public void A_tunnel_in_a_tunnel_is_one_packet_of_an_unknown_peer()
    {
        var nested = Vxlan.Around(FromPeerPod().From(Cluster.PeerMac, Cluster.TunnelMac), Cluster.PeerPod, Cluster.TunnelAddress,
            Cluster.Vni);
        AssertDropped(Around(nested));
    }

    [Fact]
    public void Fragments_inside_a_tunnel_are_translated_like_plain_ones()
    {
        new Service(_node, Frame.Udp).Backend(1, _pod).Fill(1).Frontend(Node.Address, 30080, outside: true);
        var sent = Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, Node.Address, 30080, new byte[3000]);
        var received = sent.Fragments(1400, 9).Select(f => _node.Pass(Node.UplinkPort, Cluster.FromPeer(f), 1)).ToArray();
        var whole = Frame.Reassemble(received);
        Checksums.AssertCorrect(whole);
        Assert.Equal((Cluster.PeerPod, _pod, 8080), (whole.Source, whole.Destination, whole.DestinationPort));
    }

    [Fact]
    public void A_packet_for_another_node_is_passed_on()
    {
        var passed = new Vxlan(_node.Pass(Node.UplinkPort,
            Around(Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, Cluster.OtherPeerPod, 53)), Node.UplinkPort));
        Assert.Equal((Cluster.OtherPeer, Cluster.OtherPeerPod, 63), (passed.Outer.Destination, passed.Inner.Destination, passed.Inner.Ttl));
        var plain = _node.Pass(Node.UplinkPort, Around(Frame.Build(Frame.Udp, Cluster.PeerPod, 5000, External, 53)), Node.UplinkPort);
        Assert.Equal((External, 63), (plain.Destination, plain.Ttl));
    }
}
