using System.Buffers.Binary;
using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>
/// Encapsulates packets in VXLAN (RFC 7348) as peers do, and as others might: with another source, VNI or inner address, in fragments,
/// with lengths that do not fit, to other ports and destinations, or from another port of the pipeline.
/// </summary>
internal sealed class K8sTunnels(Dice dice, K8sWorld world)
{
    private const int Overhead = 50;

    /// <summary>The senders behind the peers, by the addresses that they use: a pod of each, the peer itself, and others.</summary>
    public Endpoint Sender { get; } = new(PortKind.Uplink, world.UplinkPort, 0x66BBBBBBBB14,
        [K8sNodes.PeerPod, K8sNodes.PeerPod, K8sNodes.PeerPod, K8sNodes.Peer, K8sNodes.OtherPeerPod, K8sNodes.DirectPod, 0x08080808,
            world.Endpoints[0].Addresses[0]]);

    /// <summary>The packet inside a frame that the pipeline encapsulated; null if it did not.</summary>
    public static Packet? Inside(Packet sent)
        => sent.Bytes.Length >= 34 + Overhead && sent.Bytes[12] == 8 && sent.Bytes[23] == 17
            && BinaryPrimitives.ReadUInt16BigEndian(sent.Bytes.AsSpan(36)) == 4789
                ? sent with { Bytes = sent.Bytes[Overhead..] } : null;

    /// <summary>Encapsulates a packet, mostly as the peer of its source does.</summary>
    public Packet Around(byte[] inner)
    {
        inner = [.. inner];
        Dice.Number(dice.Percent(93) ? K8sNodes.TunnelMac : dice.Pick(0xFFFFFFFFFFFFul, K8sWorld.GatewayMac), 6).CopyTo(inner, 0);
        if (inner.Length >= 34 && dice.Percent(50))
        {
            inner[15] = (byte)((inner[15] & 0xFC) | dice.Below(4));
            Checksum(inner);
            if (dice.Percent(50))
            {
                // A change of ECN carries over in the checksum. (One's complement: what the identification adds, the checksum loses.)
                var wanted = dice.Pick(0, 0, 0, 1, 2, 0xFFFE);
                var sum = BinaryPrimitives.ReadUInt16BigEndian(inner.AsSpan(24)) + BinaryPrimitives.ReadUInt16BigEndian(inner.AsSpan(18));
                BinaryPrimitives.WriteUInt16BigEndian(inner.AsSpan(18), (ushort)((sum + 65535 - wanted) % 65535));
                Checksum(inner);
                if (wanted == 0 && dice.Percent(50))
                {
                    // The other zero.
                    BinaryPrimitives.WriteUInt16BigEndian(inner.AsSpan(24), 0xFFFF);
                }
            }
        }

        if (dice.Percent(4))
        {
            BinaryPrimitives.WriteUInt16BigEndian(inner.AsSpan(12), dice.Pick<ushort>(0x0806, 0x86DD, 0x8100));
        }

        var source = inner.Length > 30 && inner[28] == 2 && (inner[29] & 0xC0) == 0x40 ? K8sNodes.OtherPeer : K8sNodes.Peer;
        var port = dice.Percent(92) ? (ushort)4789 : (ushort)8472;
        byte[] bytes =
        [
            .. Dice.Number(K8sWorld.GatewayMac, 6), .. Dice.Number(0x0A00000000C1, 6), 8, 0,
            0x45, (byte)dice.Below(256), .. Number(inner.Length + 36), .. dice.Bytes(2), 0x40, 0, (byte)(1 + dice.Below(255)), 17, 0, 0,
            .. Dice.Number(dice.Percent(93) ? source : dice.Pick(K8sNodes.OtherPeer, 0xC0000299u), 4),
            .. Dice.Number(dice.Percent(93) ? K8sNodes.TunnelAddress : dice.Pick(0x08080808u, world.Endpoints[0].Addresses[0]), 4),
            .. dice.Bytes(2), .. Number(port), .. Number(inner.Length + 16), .. dice.Percent(60) ? [0, 0] : dice.Bytes(2),
            .. dice.Percent(90) ? [8, 0, 0, 0] : dice.Bytes(4),
            .. Dice.Number(dice.Percent(93) ? K8sNodes.Vni : dice.Pick<ulong>(1, K8sNodes.Vni + 1), 3), (byte)(dice.Percent(80) ? 0 : 7),
            .. inner,
        ];
        Malform(ref bytes);
        // Behind the end of the inner packet there is always enough for the headers that it announces: it is not cut off.
        if (bytes.Length >= 64 && K8sPackets.EndsInHeader(new Packet(0, [.. bytes[..14], .. bytes[64..]])))
        {
            bytes = [.. bytes, .. dice.Bytes(100)];
        }

        return new Packet(dice.Percent(95) ? world.UplinkPort : (uint)dice.Below(16), bytes);
    }

    /// <summary>A packet of a pod or the host to a tunnel's port, or IP in IP.</summary>
    public Packet From(Endpoint sender)
    {
        var destination = dice.Pick(K8sNodes.Peer, K8sNodes.TunnelAddress, K8sNodes.OtherPeerPod, 0x09090909u,
            dice.Pick(world.Endpoints).Addresses[0]);
        var content = dice.Bytes(8 + (dice.Percent(30) ? dice.Below(48) : dice.Percent(70) ? 42 + dice.Below(60) : dice.Below(1400)));
        byte[] bytes =
        [
            .. Dice.Number(K8sWorld.GatewayMac, 6), .. Dice.Number(sender.Mac, 6), 8, 0,
            0x45, 0, .. Number(20 + content.Length), .. dice.Bytes(2), (byte)(dice.Percent(80) ? 0x40 : 0x20), 0,
            (byte)dice.Pick<ulong>(1, 64, 255), (byte)(dice.Percent(80) ? 17 : 4), 0, 0, .. Dice.Number(dice.Pick(sender.Addresses), 4),
            .. Dice.Number(destination, 4), .. content,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(36), dice.Pick<ushort>(4789, 8472));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(38), (ushort)content.Length);
        Checksum(bytes);
        return new Packet(sender.Port, bytes);
    }

    private void Malform(ref byte[] bytes)
    {
        switch (dice.Below(60))
        {
            case 0: // fragments
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(20), dice.Pick<ushort>(0x2000, 0x2010, 0x0010));
                break;
            case 1: // lengths that do not fit each other
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(bytes.Length - 15 + dice.Below(3)));
                break;
            case 2:
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(38), (ushort)(bytes.Length - 35 + dice.Below(3)));
                break;
            case 3 when bytes.Length > 68:
                bytes[67] += (byte)(1 + dice.Below(60));
                break;
            case 4: // shorter than the headers of the inner packet
                var length = 8 + dice.Below(44);
                bytes = bytes[..(34 + length)];
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(20 + length));
                BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(38), (ushort)length);
                break;
            case 5: // not for this node
                bytes[5] ^= 1;
                break;
            case 6: // the end is missing
                bytes = bytes[..(34 + dice.Below(bytes.Length - 34))];
                break;
            case 7: // any bit
                bytes[dice.Below(bytes.Length)] ^= (byte)(1 << dice.Below(8));
                break;
            case 8:
                Checksum(bytes);
                bytes[24] ^= (byte)(1 << dice.Below(8));
                return;
            default:
                break;
        }

        Checksum(bytes);
    }

    private static byte[] Number(int value) => Dice.Number((ulong)value, 2);

    private static void Checksum(byte[] frame)
    {
        if (frame.Length < 34)
        {
            return;
        }

        frame[24] = frame[25] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), Checksums.Of(frame.AsSpan(14, 20)));
    }
}
