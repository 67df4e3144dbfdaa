using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>The port to the ACC's kernel, which resolves neighbours and forwards what the pipeline cannot address yet.</summary>
public sealed class ExceptionPortTests : IDisposable
{
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _pod;
    private readonly Cluster _cluster;

    public ExceptionPortTests()
    {
        _pod = _node.AddPod(1);
        _node.AddPod(2);
        _cluster = new Cluster(_node);
        _node.PutPrefix("routes", "to_next_hop", [0], 0, Cluster.Neighbor);
    }

    public void Dispose() => _node.Dispose();

    private Frame To(uint destination, ushort port = 53) => Frame.Build(Frame.Udp, _pod, 5000, destination, port);

    private int Sent(uint destination, int count) => Enumerable.Range(0, count).Count(_ => _node.Send(1, To(destination)) is not null);

    [Fact]
    public void Every_frame_of_the_kernel_leaves_through_the_uplink_unchanged()
    {
        var invalid = Frame.Build(Frame.Udp, 0x7F000001, 5000, 0xE0000001, 53);
        (invalid.Bytes[22], invalid.Bytes[24]) = (1, (byte)(invalid.Bytes[24] ^ 1));
        byte[][] frames =
        [
            Frame.Build(Frame.Tcp, Node.Address, 5000, External, 80).From(Cluster.AccMac, Node.UplinkMac).Bytes,
            Vxlan.Around(To(Cluster.PeerPod), Node.Address, Cluster.Peer, Cluster.Vni).Bytes,
            Frame.Build(Frame.Icmp, Node.Address, 0x0301, External, 0, new byte[28]).Bytes,
            Frame.Build(4, Node.Address, 5000, External, 80).Bytes,
            .. Frame.Build(Frame.Udp, Node.Address, 5000, External, 53, new byte[3000]).Fragments(1480, 9).Select(f => f.Bytes),
            invalid.Bytes,
            // ARP, IPv6, LLDP
            Convert.FromHexString("FFFFFFFFFFFF0A00000000C908060001080006040001" + "0A00000000C9C000020A000000000000C0000201"),
            Convert.FromHexString("333300000001" + "0A00000000C9" + "86DD" + "6000000000083AFF" + new string('A', 64) + "8700000000000000"),
            Convert.FromHexString("0180C200000E" + "0A00000000C9" + "88CC" + "0207040A00"),
        ];
        foreach (var frame in frames)
        {
            var sent = _node.SendBytes(Node.ExceptionPort, frame);
            Assert.Equal((Node.UplinkPort, Convert.ToHexString(frame)), (sent!.Value.Port, Convert.ToHexString(sent.Value.Bytes)));
        }

        Assert.All(Enum.GetValues<DropReason>(), r => Assert.Equal(0ul, _node.Drops(r)));
    }

    [Fact]
    public void ARP_from_the_uplink_goes_to_the_kernel()
    {
        var request = Convert.FromHexString("FFFFFFFFFFFF" + "0A00000000F2" + "0806" + "0001080006040001" + "0A00000000F2C0000201"
            + "000000000000C000020A");
        var sent = _node.SendBytes(Node.UplinkPort, request);
        Assert.Equal((Node.ExceptionPort, Convert.ToHexString(request)), (sent!.Value.Port, Convert.ToHexString(sent.Value.Bytes)));
    }

    [Fact]
    public void Packets_to_an_unresolved_neighbor_go_to_the_kernel_at_a_limited_rate()
    {
        _cluster.Unresolve();
        var sent = _node.Pass(1, To(External), Node.ExceptionPort);
        Assert.Equal((Node.GatewayMac, Cluster.AccMac), (sent.SourceMac, sent.DestinationMac));
        Assert.Equal((_pod, External, 63), (sent.Source, sent.Destination, sent.Ttl));
        Assert.Equal(3, Sent(External, 100));
        Assert.Equal(97ul, _node.Drops(DropReason.NoNeighbor));
        // The first packets to other addresses still pass.
        for (uint i = 1; i <= 20; i++)
        {
            Assert.Equal(4, Sent(External + i, 10));
        }

        // Again after ten seconds; once the neighbour is resolved, all of them go there.
        _node.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(4, Sent(External, 100));
        _node.Put("next_hops", "direct", [Cluster.Neighbor], Node.UplinkPort, Node.GatewayMac, Cluster.NeighborMac, 1500);
        for (var i = 0; i < 10; i++)
        {
            _node.Pass(1, To(External), Node.UplinkPort);
        }
    }

    [Fact]
    public void All_unresolved_neighbors_share_one_limit()
    {
        _cluster.Unresolve();
        var passed = 0;
        for (uint i = 0; i < 10_000; i++)
        {
            passed += Sent(External + i, 1);
        }

        Assert.Equal(2048, passed);
        Assert.Equal(10_000ul - 2048, _node.Drops(DropReason.NoNeighbor));
        // What does not pass takes no entry: messages of the router keep theirs.
        Assert.Equal(2 * 2048, _node.Learned("answers"));
        _node.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(4, Sent(External, 10));
    }

    [Fact]
    public void Traffic_to_one_address_does_not_use_up_the_limit_of_all()
    {
        _cluster.Unresolve();
        Assert.Equal(4, Sent(External, 20_000));
        Assert.Equal(4, Sent(External + 1, 10));
    }

    [Fact]
    public void An_encapsulated_packet_to_an_unresolved_neighbor_is_limited_by_its_node()
    {
        _cluster.Unresolve();
        var sent = new Vxlan(_node.Pass(1, To(Cluster.PeerPod), Node.ExceptionPort));
        Assert.Equal((Cluster.AccMac, Node.Address, Cluster.Peer), (sent.Outer.DestinationMac, sent.Outer.Source, sent.Outer.Destination));
        Assert.Equal((_pod, Cluster.PeerPod), (sent.Inner.Source, sent.Inner.Destination));
        for (uint i = 1; i < 4; i++)
        {
            _node.Pass(1, To(Cluster.PeerPod + i), Node.ExceptionPort);
        }

        Assert.Null(_node.Send(1, To(Cluster.PeerPod + 9)));
        Assert.Equal(1ul, _node.Drops(DropReason.NoNeighbor));
        _node.Pass(1, To(Cluster.OtherPeerPod), Node.ExceptionPort);
    }

    [Fact]
    public void A_message_of_the_router_takes_the_same_way()
    {
        _cluster.Unresolve();
        var expired = Frame.Build(Frame.Udp, External, 5000, _pod, 53);
        expired.Bytes[22] = 1;
        var messages = 0;
        for (ushort i = 0; i < 16; i++)
        {
            expired.Bytes[19] = (byte)i;
            if (_node.Send(Node.UplinkPort, Vxlan.WithHeaderChecksum(expired)) is { } sent)
            {
                Assert.Equal((Node.ExceptionPort, Cluster.AccMac, 0x0B00),
                    (sent.Port, sent.Frame.DestinationMac, sent.Frame.SourcePort));
                messages++;
            }
        }

        // Those beyond the limit count as what they are about.
        Assert.Equal(4, messages);
        Assert.Equal((16ul, 0ul), (_node.Drops(DropReason.TtlExpired), _node.Drops(DropReason.NoNeighbor)));
    }
}
