using System.Buffers.Binary;
using ACCOffload.Differential.Tests.Comparison;
using ACCOffload.Differential.Tests.Generators;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Differential.Tests.K8s;

/// <summary>Generates packets for the pipeline <c>k8s_dp</c>: most are valid, others malformed in one or more ways or truncated.</summary>
internal sealed class K8sPackets(Dice dice, K8sWorld world)
{
    private readonly K8sTunnels _tunnels = new(dice, world);
    private readonly List<Packet> _seen = [];
    // Packets that left through a tunnel.
    private readonly List<Packet> _inside = [];
    private Packet? _first;

    /// <summary>Records a sent packet, so that its receiver can reply.</summary>
    public void Answer(Packet? sent)
    {
        var inside = sent is { } outer ? K8sTunnels.Inside(outer) : null;
        if ((inside ?? sent) is { Bytes.Length: > 40 } packet && packet.Bytes[12] == 8 && packet.Bytes[23] is 1 or 6 or 17 or 132)
        {
            Keep(inside is null ? _seen : _inside, packet);
        }
    }

    private void Keep(List<Packet> packets, Packet packet)
    {
        if (packets.Count < 48)
        {
            packets.Add(packet);
        }
        else
        {
            packets[dice.Below(packets.Count)] = packet;
        }
    }

    /// <summary>The next packet.</summary>
    public Packet Next()
    {
        if (_seen.Count > 0 && dice.Percent(30))
        {
            return Reply(dice.Pick(_seen));
        }

        if (_seen.Count > 0 && dice.Percent(8))
        {
            return Error(dice.Pick(_seen));
        }

        if (_inside.Count > 0 && dice.Percent(8))
        {
            return _tunnels.Around((dice.Percent(80) ? Reply(dice.Pick(_inside)) : Error(dice.Pick(_inside))).Bytes);
        }

        if (dice.Percent(8))
        {
            return _tunnels.Around(Inner());
        }

        if (world.Attached.Count > 0 && dice.Percent(2))
        {
            return _tunnels.From(dice.Pick([.. world.Attached]));
        }

        if (dice.Percent(2))
        {
            return new Packet(world.ExceptionPort, dice.Percent(30) ? Arp(_tunnels.Sender) : IPv4(dice.Pick(world.Endpoints)));
        }

        if (_first is { } first && dice.Percent(4))
        {
            return LaterFragment(first);
        }

        if (world.Attached.Count > 0 && dice.Percent(6))
        {
            return ToRouter(dice.Pick([.. world.Attached]));
        }

        if (world.Attached.Count > 0 && dice.Percent(55))
        {
            return ToService(dice.Pick([.. world.Attached]));
        }

        var sender = world.Attached.Count > 0 && dice.Percent(92) ? dice.Pick([.. world.Attached]) : dice.Pick(world.Endpoints);
        var bytes = dice.Percent(10) ? Arp(sender) : IPv4(sender);
        if (dice.Percent(18))
        {
            bytes = Malform(bytes);
        }

        if (dice.Percent(5))
        {
            bytes = bytes[..dice.Below(bytes.Length + 1)];
        }
        else if (dice.Percent(5))
        {
            bytes = [.. bytes, .. dice.Bytes(dice.Below(60))];
        }

        var port = dice.Percent(97) ? sender.Port : (uint)dice.Below(16);
        return new Packet(port, bytes);
    }

    // What a host or pod of another node sends.
    private byte[] Inner() => dice.Below(10) switch
    {
        0 => IPv4(_tunnels.Sender),
        1 => Arp(_tunnels.Sender),
        2 => Malform(IPv4(_tunnels.Sender)),
        3 => ToRouter(_tunnels.Sender).Bytes,
        4 when _first is { } first => LaterFragment(first).Bytes,
        5 => _tunnels.Around(IPv4(_tunnels.Sender)).Bytes,
        _ => ToService(_tunnels.Sender).Bytes,
    };

    /// <summary>Whether the parser of <c>k8s_dp</c> reads beyond the end of the packet.</summary>
    public static bool EndsInHeader(Packet packet)
    {
        ReadOnlySpan<byte> bytes = packet.Bytes;
        if (bytes.Length < 14)
        {
            return true;
        }

        switch (BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]))
        {
            case 0x0806:
                return bytes.Length < 42;
            case 0x0800:
                if (bytes.Length < 34)
                {
                    return true;
                }

                var flags = BinaryPrimitives.ReadUInt16BigEndian(bytes[20..]);
                if (bytes[14] != 0x45 || (flags & 0x1FFF) != 0
                    || ((flags & 0x2000) != 0 && BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]) < 64))
                {
                    return false;
                }

                var header = bytes[23] switch { 1 => 8, 6 => 20, 17 => 8, 132 => 12, _ => 0 };
                if (bytes.Length < 34 + header)
                {
                    return true;
                }
                // What may be encapsulated is read up to the end of the inner IPv4 header.
                if (bytes[23] == 17 && BinaryPrimitives.ReadUInt16BigEndian(bytes[36..]) is 4789 or 8472)
                {
                    return BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]) >= 70 && bytes.Length < 84;
                }
                // The part of a large packet that an ICMP message quotes.
                if (BinaryPrimitives.ReadUInt16BigEndian(bytes[16..]) >= 1024 && header != 0
                    && !(bytes[23] == 1 && bytes[34] is not (0 or 8)))
                {
                    return bytes.Length < 34 + header + 28;
                }
                // ICMP errors quote an IP header and the first bytes after it.
                if (bytes[23] != 1 || bytes[34] is not (3 or 11 or 12))
                {
                    return false;
                }

                return bytes.Length < 62
                    || (bytes[42] == 0x45 && BinaryPrimitives.ReadUInt16BigEndian(bytes[48..]) is 0 or 0x4000 or 0x2000
                        && bytes.Length < 70);
            default:
                return false;
        }
    }

    private byte[] IPv4(Endpoint sender)
    {
        var protocol = dice.Pick<byte>(1, 6, 17, 132, 47);
        var header = protocol switch { 1 => 8, 6 => 20, 17 => 8, 132 => 12, _ => 0 };
        var content = dice.Bytes(header + (dice.Percent(70) ? dice.Below(64) : dice.Below(1480 - header)));
        if (header >= 8 && protocol != 1)
        {
            BinaryPrimitives.WriteUInt16BigEndian(content.AsSpan(2), dice.Pick<ushort>(53, 80, 443));
        }
        // A sender at the uplink only talks to endpoints on the node.
        var receivers = world.Endpoints.Where(e => e != sender && (sender.Kind != PortKind.Uplink || e.Kind != PortKind.Uplink)).ToList();
        var receiver = world.Attached.Count > 1 && dice.Percent(80)
            ? dice.Pick(receivers.Where(world.Attached.Contains).DefaultIfEmpty(receivers[0]).ToList()) : dice.Pick(receivers);

        var bytes = new byte[34 + content.Length];
        var span = bytes.AsSpan();
        Mac(span, K8sWorld.GatewayMac);
        Mac(span[6..], sender.Mac);
        BinaryPrimitives.WriteUInt16BigEndian(span[12..], 0x0800);
        span[14] = 0x45;
        span[15] = (byte)dice.Below(256);
        BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(20 + content.Length));
        dice.Bytes(2).CopyTo(span[18..]);
        BinaryPrimitives.WriteUInt16BigEndian(span[20..], dice.Pick<ushort>(0, 0x4000, 0x4000, 0x4000));
        span[22] = (byte)(2 + dice.Below(254));
        span[23] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(span[26..], dice.Pick(sender.Addresses));
        BinaryPrimitives.WriteUInt32BigEndian(span[30..], dice.Pick(receiver.Addresses));
        content.CopyTo(span[34..]);
        Checksum(span);
        return bytes;
    }

    // Few client ports, so that packets match flows and flows collide.
    private Packet ToService(Endpoint sender)
    {
        var (ip, protocol, port) = dice.Percent(85) ? dice.Pick(world.Frontends) : dice.Pick(world.Backends);
        if (dice.Percent(15))
        {
            (ip, protocol, port) = (dice.Pick<uint>(0x08080808, 0x09090909), dice.Pick<byte>(1, 6, 17, 132), 53);
        }

        var bytes = IPv4(sender, protocol, dice.Pick(sender.Addresses), ip, (ushort)(5000 + dice.Below(3)), port);
        if (dice.Percent(6))
        {
            // Few identifications, so that fragments match their first fragment and those of others.
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(18), (ushort)dice.Below(3));
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(20),
                dice.Pick<ushort>(0x2000, 0x2000, 0x2000, 0x6000, 0x2008, 0x0010, 0x2003));
            bytes = [.. bytes, .. dice.Bytes(dice.Percent(80) ? 64 : dice.Below(64))];
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(bytes.Length - 14));
            if (bytes.Length >= 78 && bytes[20] is 0x20 or 0x60 && bytes[21] == 0)
            {
                _first = new Packet(sender.Port, bytes);
            }
        }
        if (protocol == 1)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(34), dice.Percent(90) ? (ushort)0x0800 : (ushort)0);
        }

        Checksum(bytes);
        return new Packet(sender.Port, bytes);
    }

    private Packet LaterFragment(Packet first)
    {
        byte[] bytes = [.. first.Bytes[..34], .. dice.Bytes(8)];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), 28);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(20), dice.Pick<ushort>(0x2008, 0x0010));
        Checksum(bytes);
        return new Packet(first.Port, bytes);
    }

    // What the virtual router answers: expired TTL, unassigned address, its own address, packet over the MTU.
    private Packet ToRouter(Endpoint sender)
    {
        var destination = dice.Pick(K8sWorld.Gateway, 0x0AF401FEu, 0xC0A80001u, 0x09090909u, K8sNodes.PeerPod, K8sNodes.OtherPeerPod,
            K8sNodes.DirectPod, K8sNodes.Unassigned, K8sNodes.Peer,
            dice.Pick(world.Endpoints).Addresses[0]);
        var protocol = dice.Pick<byte>(1, 1, 6, 17, 132, 47);
        var bytes = IPv4(sender, protocol, dice.Pick(sender.Addresses), destination, (ushort)(5000 + dice.Below(3)),
            dice.Pick<ushort>(53, 80));
        if (protocol == 1)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(34), dice.Pick<ushort>(0x0800, 0x0800, 0, 0x0801, 0x0D00));
        }

        bytes = [.. bytes, .. dice.Bytes(dice.Percent(70) ? dice.Below(90) : 1000 + dice.Below(400))];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(bytes.Length - 14));
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(18), (ushort)dice.Below(64));
        if (dice.Percent(50))
        {
            bytes[22] = (byte)dice.Below(3);
        }

        Checksum(bytes);
        return new Packet(sender.Port, bytes);
    }

    private Packet Reply(Packet seen)
    {
        var receiver = world.Endpoints.FirstOrDefault(e => e.Port == seen.Port) ?? world.Endpoints[0];
        ushort At(int offset) => BinaryPrimitives.ReadUInt16BigEndian(seen.Bytes.AsSpan(offset));
        uint Ip(int offset) => BinaryPrimitives.ReadUInt32BigEndian(seen.Bytes.AsSpan(offset));
        var bytes = IPv4(receiver, seen.Bytes[23], Ip(30), Ip(26), At(36), At(34));
        if (seen.Bytes[23] == 1)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(34), 0);
            seen.Bytes.AsSpan(38, 2).CopyTo(bytes.AsSpan(38));
        }
        return new Packet(receiver.Port, bytes);
    }

    // An ICMP error about a sent packet, mostly from its receiver; sometimes about an unknown flow.
    private Packet Error(Packet seen)
    {
        var receiver = world.Endpoints.FirstOrDefault(e => e.Port == seen.Port) ?? world.Endpoints[0];
        uint Ip(int offset) => BinaryPrimitives.ReadUInt32BigEndian(seen.Bytes.AsSpan(offset));
        var quoted = seen.Bytes[14..Math.Min(seen.Bytes.Length, dice.Pick(42, 42, 60, 400))];
        if (dice.Percent(10))
        {
            quoted[dice.Below(quoted.Length)] ^= (byte)(1 << dice.Below(8));
        }

        var source = receiver.Kind == PortKind.Uplink && dice.Percent(50) ? 0x08080404 : Ip(30);
        var bytes = IPv4(receiver, 1, source, Ip(26), dice.Pick<ushort>(0x0303, 0x0304, 0x0B00, 0x0C00, 0x0500), (ushort)dice.Below(65536));
        bytes = [.. bytes[..42], .. quoted];
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(16), (ushort)(bytes.Length - 14));
        Checksum(bytes);
        return new Packet(receiver.Port, bytes);
    }

    private byte[] IPv4(Endpoint sender, byte protocol, uint source, uint destination, ushort sourcePort, ushort destinationPort)
    {
        var header = protocol switch { 6 => 20, 132 => 12, _ => 8 };
        var bytes = new byte[34 + header + dice.Below(20)];
        dice.Bytes(bytes.Length).CopyTo(bytes, 0);
        var span = bytes.AsSpan();
        Mac(span, K8sWorld.GatewayMac);
        Mac(span[6..], sender.Mac);
        BinaryPrimitives.WriteUInt16BigEndian(span[12..], 0x0800);
        span[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(bytes.Length - 14));
        BinaryPrimitives.WriteUInt16BigEndian(span[20..], 0x4000);
        (span[22], span[23]) = (64, protocol);
        BinaryPrimitives.WriteUInt32BigEndian(span[26..], source);
        BinaryPrimitives.WriteUInt32BigEndian(span[30..], destination);
        BinaryPrimitives.WriteUInt16BigEndian(span[34..], sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(span[36..], destinationPort);
        if (protocol == 1)
        {
            BinaryPrimitives.WriteUInt16BigEndian(span[38..], (ushort)(1 + dice.Below(3)));
        }
        else if (protocol == 6)
        {
            Tcp(span);
        }
        else if (protocol == 17 && dice.Percent(20))
        {
            (span[40], span[41]) = (0, 0);
        }
        else if (protocol == 132)
        {
            BinaryPrimitives.WriteUInt32BigEndian(span[38..], dice.Percent(50) ? 0 : (uint)dice.Below(3));
        }

        Checksum(span);
        return bytes;
    }

    // Close sequence numbers, so that most packets acknowledge what the other end sent and some resets are exact.
    private void Tcp(Span<byte> span)
    {
        span[47] = dice.Pick<byte>(0x02, 0x02, 0x02, 0x10, 0x10, 0x18, 0x18, 0x12, 0x12, 0x11, 0x04, 0x14, (byte)dice.Below(256));
        if (dice.Percent(90))
        {
            span[46] = 0x50;
        }

        if (dice.Percent(80))
        {
            BinaryPrimitives.WriteUInt32BigEndian(span[38..], 1000 + (uint)dice.Below(2));
            BinaryPrimitives.WriteUInt32BigEndian(span[42..], 1000 + (uint)dice.Below(2));
        }
    }

    private byte[] Arp(Endpoint sender)
    {
        var bytes = new byte[42 + (dice.Percent(70) ? 18 : 0)];
        var span = bytes.AsSpan();
        Mac(span, dice.Percent(80) ? 0xFFFFFFFFFFFF : K8sWorld.GatewayMac);
        Mac(span[6..], sender.Mac);
        BinaryPrimitives.WriteUInt16BigEndian(span[12..], 0x0806);
        Convert.FromHexString("0001080006040001").CopyTo(span[14..]);
        span[21] = (byte)(dice.Percent(85) ? 1 : dice.Below(4));
        Mac(span[22..], dice.Percent(93) ? sender.Mac : dice.Pick(world.Endpoints).Mac);
        var own = dice.Pick(sender.Addresses);
        BinaryPrimitives.WriteUInt32BigEndian(span[28..],
            dice.Percent(90) ? own : dice.Pick<uint>(0u, dice.Pick(world.Endpoints).Addresses[0]));
        BinaryPrimitives.WriteUInt32BigEndian(span[38..],
            dice.Percent(80) ? K8sWorld.Gateway : dice.Pick(own, dice.Pick(world.Endpoints).Addresses[0]));
        return bytes;
    }

    private byte[] Malform(byte[] bytes)
    {
        var span = bytes.AsSpan();
        var ip = bytes[12] == 8 && bytes[13] == 0;
        switch (dice.Below(ip ? 13 : 5))
        {
            case 0: // any bit
                for (var i = 0; i < 1 + dice.Below(3); i++)
                {
                    span[dice.Below(bytes.Length)] ^= (byte)(1 << dice.Below(8));
                }

                return bytes;
            case 1: // any bit of the headers, most of which the checksum covers
                span[dice.Below(Math.Min(42, bytes.Length))] ^= (byte)(1 << dice.Below(8));
                break;
            case 2:
                BinaryPrimitives.WriteUInt16BigEndian(span[12..], dice.Pick<ushort>(0x86DD, 0x8100, 0x0806, 0x0800, 0x05FF, 0x88CC));
                return bytes;
            case 3:
                Mac(span, dice.Pick(0xFFFFFFFFFFFFul, 0x01005E000001ul, world.Endpoints[0].Mac));
                return bytes;
            case 4:
                Mac(span[6..], dice.Pick(world.Endpoints).Mac);
                return bytes;
            case 5: // options, or an invalid header length
                span[14] = dice.Pick<byte>(0x46, 0x4F, 0x44, 0x55, 0x65, 0x00);
                break;
            case 6: // fragments
                BinaryPrimitives.WriteUInt16BigEndian(span[20..], dice.Pick<ushort>(0x2000, 0x2001, 0x1FFF, 0x00B9, 0xE0FF));
                break;
            case 7:
                span[22] = (byte)dice.Below(3);
                break;
            case 8:
                span[23] = (byte)dice.Below(256);
                break;
            case 9:
                BinaryPrimitives.WriteUInt32BigEndian(
                    span[26..],
                    dice.Pick<uint>(0u, 0xFFFFFFFF, 0xE0000001, 0x7F000001, 0xDFFFFFFF, dice.Pick(world.Endpoints).Addresses[0]));
                break;
            case 10:
                BinaryPrimitives.WriteUInt32BigEndian(
                    span[30..], dice.Pick<uint>(0u, 0xFFFFFFFF, 0xE0000001, 0xA9FE0101, 0xDFFFFFFF, (uint)dice.Below(int.MaxValue)));
                break;
            case 11:
                BinaryPrimitives.WriteUInt16BigEndian(span[16..], dice.Pick<ushort>(0, 19, 20, 21, 0xFFFF));
                break;
            default: // checksums 0 and 0xFFFF, which one's complement treats as equal
                BinaryPrimitives.WriteUInt16BigEndian(span[24..], dice.Pick<ushort>(0, 0xFFFF));
                return bytes;
        }
        if (ip && dice.Percent(85))
        {
            Checksum(span);
        }

        return bytes;
    }

    private static void Mac(Span<byte> target, ulong mac) => Dice.Number(mac, 6).CopyTo(target);

    private static void Checksum(Span<byte> frame)
    {
        if (frame.Length < 34)
        {
            return;
        }

        frame[24] = frame[25] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(frame[24..], Checksums.Of(frame[14..34]));
    }
}
