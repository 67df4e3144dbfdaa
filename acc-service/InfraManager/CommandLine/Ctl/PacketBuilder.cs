using System.Buffers.Binary;
using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>The protocol of a packet.</summary>
internal enum PacketProtocol
{
    /// <summary>An ARP request for the destination address.</summary>
    Arp,

    /// <summary>An ICMP echo request.</summary>
    Icmp,

    /// <summary>A TCP SYN.</summary>
    Tcp,

    /// <summary>A UDP datagram.</summary>
    Udp,
}

/// <summary>An ARP or IPv4 packet for ctl trace.</summary>
internal sealed record PacketSpec
{
    public required MacAddress SourceMac { get; init; }

    public required MacAddress DestinationMac { get; init; }

    public required IPAddress Source { get; init; }

    public required IPAddress Destination { get; init; }

    public PacketProtocol Protocol { get; init; } = PacketProtocol.Icmp;

    /// <summary>Only for TCP and UDP.</summary>
    public ushort SourcePort { get; init; } = 40000;

    /// <summary>Only for TCP and UDP.</summary>
    public ushort DestinationPort { get; init; } = 80;

    public byte Ttl { get; init; } = 64;

    /// <summary>Length of the payload in bytes.</summary>
    public int PayloadLength { get; init; } = 56;
}

/// <summary>Builds Ethernet frames with valid lengths and checksums.</summary>
internal static class PacketBuilder
{
    private const int Ethernet = 14;
    private const int IPv4 = 20;
    private const byte IcmpNumber = 1;
    private const byte TcpNumber = 6;
    private const byte UdpNumber = 17;

    public static byte[] Build(PacketSpec packet) => packet.Protocol == PacketProtocol.Arp ? BuildArp(packet) : BuildIPv4(packet);

    /// <summary>Computes the Internet checksum (RFC 1071), to be written big-endian.</summary>
    /// <param name="data">The data; padded with a zero byte if its length is odd.</param>
    /// <param name="initial">The initial sum.</param>
    public static ushort Checksum(ReadOnlySpan<byte> data, uint initial = 0)
    {
        var sum = initial;
        for (; data.Length >= 2; data = data[2..])
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data);
        }

        if (data.Length == 1)
        {
            sum += (uint)data[0] << 8;
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private static byte[] BuildArp(PacketSpec packet)
    {
        var frame = new byte[Ethernet + 28];
        WriteEthernet(frame, packet, 0x0806);
        var arp = frame.AsSpan(Ethernet);
        BinaryPrimitives.WriteUInt16BigEndian(arp, 1);
        BinaryPrimitives.WriteUInt16BigEndian(arp[2..], 0x0800);
        arp[4] = MacAddress.Length;
        arp[5] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(arp[6..], 1);
        packet.SourceMac.CopyTo(arp[8..]);
        Write(packet.Source, arp[14..]);
        // The target hardware address stays zero.
        Write(packet.Destination, arp[24..]);
        return frame;
    }

    private static byte[] BuildIPv4(PacketSpec packet)
    {
        var (protocol, header) = packet.Protocol switch
        {
            PacketProtocol.Tcp => (TcpNumber, 20),
            PacketProtocol.Udp => (UdpNumber, 8),
            _ => (IcmpNumber, 8),
        };
        var frame = new byte[Ethernet + IPv4 + header + packet.PayloadLength];
        WriteEthernet(frame, packet, 0x0800);
        var ip = frame.AsSpan(Ethernet);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)ip.Length);
        // Flag: don't fragment.
        ip[6] = 0x40;
        ip[8] = packet.Ttl;
        ip[9] = protocol;
        Write(packet.Source, ip[12..]);
        Write(packet.Destination, ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(ip[..IPv4]));

        var segment = ip[IPv4..];
        var payload = segment[header..];
        for (var i = 0; i < payload.Length; i++)
        {
            payload[i] = (byte)i;
        }

        switch (packet.Protocol)
        {
            case PacketProtocol.Tcp:
                WritePorts(segment, packet);
                // Data offset, SYN, window.
                segment[12] = 5 << 4;
                segment[13] = 0x02;
                BinaryPrimitives.WriteUInt16BigEndian(segment[14..], 64240);
                BinaryPrimitives.WriteUInt16BigEndian(segment[16..], Checksum(segment, PseudoHeader(ip, protocol, segment.Length)));
                break;
            case PacketProtocol.Udp:
                WritePorts(segment, packet);
                BinaryPrimitives.WriteUInt16BigEndian(segment[4..], (ushort)segment.Length);
                var checksum = Checksum(segment, PseudoHeader(ip, protocol, segment.Length));
                // A zero checksum means that there is none.
                BinaryPrimitives.WriteUInt16BigEndian(segment[6..], checksum == 0 ? (ushort)0xFFFF : checksum);
                break;
            default:
                segment[0] = 8;
                BinaryPrimitives.WriteUInt16BigEndian(segment[6..], 1);
                BinaryPrimitives.WriteUInt16BigEndian(segment[2..], Checksum(segment));
                break;
        }
        return frame;
    }

    private static void WriteEthernet(Span<byte> frame, PacketSpec packet, ushort type)
    {
        packet.DestinationMac.CopyTo(frame);
        packet.SourceMac.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }

    private static void WritePorts(Span<byte> segment, PacketSpec packet)
    {
        BinaryPrimitives.WriteUInt16BigEndian(segment, packet.SourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(segment[2..], packet.DestinationPort);
    }

    private static uint PseudoHeader(ReadOnlySpan<byte> ip, byte protocol, int length)
    {
        var sum = (uint)protocol + (uint)length;
        for (var i = 12; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        return sum;
    }

    private static void Write(IPAddress address, Span<byte> destination)
    {
        if (!address.TryWriteBytes(destination[..4], out var written) || written != 4)
        {
            throw new ArgumentException($"{address} is not IPv4", nameof(address));
        }
    }
}
