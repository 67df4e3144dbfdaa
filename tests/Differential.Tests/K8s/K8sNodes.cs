using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// Other nodes, as InfraManager writes them: two behind tunnels, one on the same network. Neighbours are resolved or not, rows are missing
/// from time to time, and one tunnel may be led through the other, which the pipeline has to refuse.
/// </summary>
/// <param name="dice">Random choices.</param>
/// <param name="uplink">The port to the node network.</param>
internal sealed class K8sNodes(Dice dice, uint uplink)
{
    public const uint Mask = 0xFFFFFFC0;
    public const uint Vni = 4096;
    public const uint TunnelAddress = 0xC000020A;
    public const ulong TunnelMac = 0x66AAAAAAAA01;

    /// <summary>MTU inside of the tunnels.</summary>
    public const ushort TunnelMtu = 1000;

    /// <summary>Peer behind a tunnel.</summary>
    public const uint Peer = 0xC0000263;

    public const uint PeerPod = 0x0AF40205;
    public const uint OtherPeer = 0xC0000264;
    public const uint OtherPeerPod = 0x0AF40245;
    public const uint DirectPod = 0x0AF40285;

    /// <summary>In the ranges of the nodes, but in no node's.</summary>
    public const uint Unassigned = 0x0AF402C5;

    private static readonly uint[] Neighbors = [10, 11];

    /// <summary>The port to the ACC's kernel.</summary>
    public uint ExceptionPort { get; } = uplink + 1;

    /// <summary>IDs of next hops.</summary>
    public static IReadOnlyList<ulong> NextHops { get; } = [0, 1, 10, 11, 20, 21, 22, 23];

    /// <summary>Writes some of the rows, each in a random variant.</summary>
    public void Change(SideBySide both)
    {
        Set(Row("port_class", "exception_port", [("guard.port", ExceptionPort)], 32, ("uplink", uplink)), dice.Percent(95));
        foreach (var id in Neighbors)
        {
            var row = dice.Percent(60)
                ? Row("next_hops", "direct", [("hop.id", id)], 32, ("port", uplink), ("src_mac", K8sWorld.GatewayMac),
                    ("dst_mac", 0x0A00000000C0ul + id), ("mtu", dice.Pick<ulong>(1000, 1400)))
                : Row("next_hops", "unresolved", [("hop.id", id)], 32, ("port", ExceptionPort), ("src_mac", K8sWorld.GatewayMac),
                    ("dst_mac", 0x0A00000000CC));
            Set(row, dice.Percent(92));
        }

        Set(Tunnel(20, 10, Peer), dice.Percent(95));
        Set(Tunnel(21, dice.Pick<ulong>(11, 11, 11, 20, 99), OtherPeer), dice.Percent(95));
        Set(Row("next_hops", "direct", [("hop.id", 22)], 32, ("port", uplink), ("src_mac", K8sWorld.GatewayMac),
            ("dst_mac", 0x0A00000000D4), ("mtu", 1400)), dice.Percent(95));
        foreach (var (address, hop) in new[] { (PeerPod, 20ul), (OtherPeerPod, 21ul), (DirectPod, 22ul) })
        {
            Set(Row("destinations", "destination", [("prefix", address & Mask), ("mask", Mask)], 32,
                ("next_hop", dice.Percent(95) ? hop : dice.Pick([.. NextHops]))), dice.Percent(95));
        }

        foreach (var (peer, hop) in new[] { (Peer, 20ul), (OtherPeer, 21ul) })
        {
            Set(Row("tunnels", "tunnel_peer", [("outer_src", peer), ("vni", Vni << 8)], 32, ("next_hop", hop), ("mask", Mask)),
                dice.Percent(95));
        }

        if (dice.Percent(20))
        {
            // The slots of the limit that all neighbours share come around again.
            both.WriteRegister("neighbor_packets_0", 0, (ulong)dice.Below(4));
        }

        both.Put(Row("routes", "to_destination", [("dst_ip", 0x0AF40000)], 16, ("mask", Mask), ("next_hop", dice.Pick<ulong>(0, 0, 22))));
        Set(Row("routes", "to_next_hop", [("dst_ip", 0xC0000200)], 24, ("next_hop", 10)), dice.Percent(90));

        TableEntry Tunnel(ulong id, ulong via, uint peer) => Row("next_hops", "vxlan", [("hop.id", id)], 32, ("via", via),
            ("src_ip", TunnelAddress), ("dst_ip", peer), ("inner_src_mac", TunnelMac), ("inner_dst_mac", 0x66BBBBBBBB00 + id),
            ("vni", Vni << 8), ("udp_port", 4789),
            ("outer_sum", (ulong)(dice.Percent(50) ? dice.Below(65536) : 65535 - dice.Below(1300))), ("mtu", TunnelMtu));

        TableEntry Row(string table, string action, (string, ulong)[] key, int prefix, params (string, ulong)[] arguments)
            => EntryGenerator.Entry(
                K8sNames.Table(both.Program, table), K8sNames.Action(both.Program, table, action), key, prefix, arguments);

        void Set(TableEntry row, bool there)
        {
            if (there)
            {
                both.Put(row);
            }
            else if (both.Contains(row))
            {
                K8sWorld.Remove(both, both.Entries(row.Table).Single(e => e.Identity == row.Identity));
            }
        }
    }
}
