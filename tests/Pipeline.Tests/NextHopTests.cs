using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Routes that lead to neighbours and to the ranges of other nodes.</summary>
public sealed class NextHopTests : IDisposable
{
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _pod;
    private ushort _port = 53;

    public NextHopTests()
    {
        _pod = _node.AddPod(1);
        _ = new Cluster(_node);
    }

    public void Dispose() => _node.Dispose();

    // Each to another port: the rate limit of messages takes them for different packets.
    private Frame To(uint destination) => Frame.Build(Frame.Udp, _pod, 5000, destination, _port++);

    [Fact]
    public void A_route_names_its_next_hop()
    {
        _node.PutPrefix("routes", "to_next_hop", [0], 0, Cluster.Neighbor);
        var sent = _node.Pass(1, To(External), Node.UplinkPort);
        Assert.Equal((Node.GatewayMac, Cluster.NeighborMac, 63), (sent.SourceMac, sent.DestinationMac, sent.Ttl));
        // A new MAC address of the neighbour is one row.
        _node.Put("next_hops", "direct", [Cluster.Neighbor], Node.UplinkPort, Node.GatewayMac, 0x0A00000000C2, 1500);
        Assert.Equal(0x0A00000000C2ul, _node.Pass(1, To(External), Node.UplinkPort).DestinationMac);
    }

    [Fact]
    public void A_range_of_a_node_on_the_same_network_is_reached_directly()
    {
        foreach (var address in new[] { 0x0AF40280u, Cluster.DirectPod, 0x0AF402BFu })
        {
            var sent = _node.Pass(1, To(address), Node.UplinkPort);
            Assert.Equal((0x0A00000000D4ul, address, Frame.Udp), (sent.DestinationMac, sent.Destination, sent.Protocol));
        }
    }

    [Fact]
    public void Addresses_in_no_range_take_the_route_s_own_next_hop_or_none()
    {
        var sent = To(Cluster.Unassigned);
        var answer = _node.Pass(1, sent, 1);
        Assert.Equal((Frame.Icmp, 0x0300, Node.Gateway), (answer.Protocol, answer.SourcePort, answer.Source));
        Assert.Equal(1ul, _node.Drops(DropReason.NoRoute));

        _node.PutPrefix("routes", "to_destination", [0x0AF40000], 16, Cluster.Mask, Cluster.Neighbor);
        Assert.Equal(Cluster.NeighborMac, _node.Pass(1, To(Cluster.Unassigned), Node.UplinkPort).DestinationMac);
    }

    [Fact]
    public void Prefixes_may_have_ranges_of_different_sizes()
    {
        _node.PutPrefix("routes", "to_destination", [0x0A800000], 9, 0xFFFFFF00, 0);
        _node.Put("destinations", "destination", [0x0A800300, 0xFFFFFF00], Cluster.Direct);
        Assert.Equal(0x0A00000000D4ul, _node.Pass(1, To(0x0A8003F0), Node.UplinkPort).DestinationMac);
        Assert.Equal(0x0300, _node.Pass(1, To(0x0A8004F0), 1).SourcePort);
        // The mask is part of the key: the same prefix with another mask is another range.
        _node.Put("destinations", "destination", [0x0A800400, Cluster.Mask], Cluster.Direct);
        Assert.Equal(Frame.Icmp, _node.Pass(1, To(0x0A800401), 1).Protocol);
    }

    [Fact]
    public void A_next_hop_that_does_not_exist_is_no_route()
    {
        _node.PutPrefix("routes", "to_next_hop", [0], 0, 77);
        Assert.Equal(0x0300, _node.Pass(1, To(External), 1).SourcePort);
        _node.Remove("next_hops", Cluster.Neighbor);
        var sent = To(Cluster.PeerPod);
        var answer = _node.Pass(1, sent, 1);
        Assert.Equal((Frame.Icmp, 0x0300, Node.Gateway), (answer.Protocol, answer.SourcePort, answer.Source));
        Assert.Equal(Convert.ToHexString(sent.Ip[..28]), Convert.ToHexString(answer.Ip.Slice(28, 28)));
        Assert.Equal(2ul, _node.Drops(DropReason.NoRoute));
    }

    [Fact]
    public void A_longer_prefix_and_a_local_pod_come_first()
    {
        _node.PutPrefix("routes", "to_destination", [0x0AF40000], 15, Cluster.Mask, 0);
        Assert.Equal(_pod, _node.Pass(Node.HostPort, Frame.Build(Frame.Udp, Node.Address, 5000, _pod, 53), 1).Destination);
        _node.PutPrefix("routes", "unassigned", [Cluster.PeerRange], 26);
        Assert.Equal(0x0301, _node.Pass(1, To(Cluster.PeerPod), 1).SourcePort);
    }
}
