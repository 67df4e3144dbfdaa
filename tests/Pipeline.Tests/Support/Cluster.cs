using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>
/// The rows of other nodes on a <see cref="Node"/>. Ranges have 26 bits. Two nodes are reached through tunnels, a third one on the same
/// network directly.
/// </summary>
internal sealed class Cluster
{
    public const uint Mask = 0xFFFFFFC0;
    public const uint Vni = 4096;

    /// <summary>The address of this node's end of the tunnels.</summary>
    public const uint TunnelAddress = Node.Address;

    public const ulong TunnelMac = 0x66AAAAAAAA01;
    public const ushort TunnelMtu = 1450;
    public const ushort LinkMtu = 1500;

    public const ulong NeighborMac = 0x0A00000000C1;
    public const ulong AccMac = 0x0A00000000C9;
    public const uint Neighbor = 10;
    public const uint Tunnel = 20;
    public const uint OtherTunnel = 21;
    public const uint Direct = 22;

    public const uint Peer = 0xC0000214;
    public const ulong PeerMac = 0x66BBBBBBBB02;
    public const uint PeerPod = 0x0AF40205;
    public const uint PeerRange = 0x0AF40200;
    public const uint OtherPeer = 0xC0000215;
    public const uint OtherPeerPod = 0x0AF40245;
    public const uint DirectPod = 0x0AF40285;

    /// <summary>In the cluster's range, but in no node's.</summary>
    public const uint Unassigned = 0x0AF402C5;

    private readonly Node _node;

    public Cluster(Node node)
    {
        _node = node;
        UseTunnels();
        _node.Put("port_class", "exception_port", [Node.ExceptionPort], Node.UplinkPort);
        _node.Put("next_hops", "direct", [Neighbor], Node.UplinkPort, Node.GatewayMac, NeighborMac, LinkMtu);
        PutTunnel(Tunnel, Neighbor, Peer, PeerMac);
        PutTunnel(OtherTunnel, Neighbor, OtherPeer, 0x66CCCCCCCC03);
        _node.Put("next_hops", "direct", [Direct], Node.UplinkPort, Node.GatewayMac, 0x0A00000000D4, LinkMtu);
        _node.Put("destinations", "destination", [PeerRange, Mask], Tunnel);
        _node.Put("destinations", "destination", [PeerRange + 0x40, Mask], OtherTunnel);
        _node.Put("destinations", "destination", [PeerRange + 0x80, Mask], Direct);
        _node.Put("tunnels", "tunnel_peer", [Peer, Vni << 8], Tunnel, Mask);
        _node.Put("tunnels", "tunnel_peer", [OtherPeer, Vni << 8], OtherTunnel, Mask);
        _node.PutPrefix("routes", "to_destination", [0x0AF40000], 16, Mask, 0);
    }

    /// <summary>Sets the end of the tunnels at the uplink.</summary>
    public void UseTunnels(uint address = TunnelAddress, ushort port = Vxlan.Port)
        => _node.Put("port_class", "uplink_port", [Node.UplinkPort], Node.ExceptionPort, Node.GatewayMac, address, TunnelMac, port);

    /// <summary>Writes a next hop behind a tunnel.</summary>
    public void PutTunnel(uint id, uint via, uint peer, ulong peerMac, uint source = Node.Address, ushort mtu = TunnelMtu)
        => _node.Put("next_hops", "vxlan", [id], via, source, peer, TunnelMac, peerMac, Vni << 8, Vxlan.Port, HeaderSum(source, peer), mtu);

    /// <summary>Makes the neighbour that leads to the tunnels unresolved.</summary>
    public void Unresolve(uint id = Neighbor)
        => _node.Put("next_hops", "unresolved", [id], Node.ExceptionPort, Node.GatewayMac, AccMac);

    /// <summary>A packet as a peer encapsulates it.</summary>
    public static Frame FromPeer(Frame inner, uint peer = Peer, byte trafficClass = 0)
        => Vxlan.Around(inner.From(PeerMac, TunnelMac), peer, TunnelAddress, Vni, trafficClass: trafficClass);

    // The sum over the constant part of the outer header: 0x4500, 0x4000 (don't fragment), TTL 64 and UDP, the addresses.
    private static ushort HeaderSum(uint source, uint destination)
    {
        var sum = 0x4500u + 0x4000 + 0x4011 + (source >> 16) + (ushort)source + (destination >> 16) + (ushort)destination;
        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }
}
