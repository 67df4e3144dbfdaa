using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.CommandLine.Ctl;

/// <summary>Describes a frame in one line; accepts any bytes.</summary>
internal static class FrameText
{
    public static string Describe(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < 14)
        {
            return $"{frame.Length} bytes, too short for Ethernet";
        }

        var destination = new MacAddress(frame[..6]);
        var source = new MacAddress(frame[6..12]);
        var type = BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        var inner = type switch
        {
            0x0806 => Arp(frame[14..]),
            0x0800 => IPv4(frame[14..]),
            _ => $"ethertype 0x{type:x4}",
        };
        return $"{source} > {destination}, {inner}, {frame.Length} bytes";
    }

    private static string Arp(ReadOnlySpan<byte> arp)
    {
        if (arp.Length < 28)
        {
            return "short ARP";
        }

        var sender = new IPAddress(arp.Slice(14, 4));
        var target = new IPAddress(arp.Slice(24, 4));
        return BinaryPrimitives.ReadUInt16BigEndian(arp[6..]) switch
        {
            1 => $"ARP who has {target}, tell {sender}",
            2 => $"ARP {sender} is at {new MacAddress(arp.Slice(8, 6))}",
            var operation => $"ARP operation {operation}",
        };
    }

    private static string IPv4(ReadOnlySpan<byte> ip)
    {
        if (ip.Length < 20)
        {
            return "short IPv4";
        }

        var header = (ip[0] & 15) * 4;
        var segment = header >= 20 && ip.Length >= header ? ip[header..] : [];
        var source = new IPAddress(ip.Slice(12, 4)).ToString();
        var destination = new IPAddress(ip.Slice(16, 4)).ToString();
        var protocol = ip[9] switch
        {
            1 => Icmp(segment),
            6 => "TCP" + (segment.Length >= 14 ? $" [{Flags(segment[13])}]" : ""),
            17 => "UDP",
            132 => "SCTP",
            var number => $"protocol {number}",
        };
        if (ip[9] is 6 or 17 or 132 && segment.Length >= 4)
        {
            source += ":" + BinaryPrimitives.ReadUInt16BigEndian(segment).ToString(CultureInfo.InvariantCulture);
            destination += ":" + BinaryPrimitives.ReadUInt16BigEndian(segment[2..]).ToString(CultureInfo.InvariantCulture);
        }
        return $"{source} > {destination} {protocol}, ttl {ip[8]}";
    }

    private static string Icmp(ReadOnlySpan<byte> icmp) => icmp.Length == 0 ? "ICMP" : icmp[0] switch
    {
        0 => "ICMP echo reply",
        8 => "ICMP echo request",
        3 => "ICMP unreachable",
        11 => "ICMP time exceeded",
        var type => $"ICMP type {type}",
    };

    private static string Flags(byte flags)
    {
        string[] names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
        return string.Join(' ', names.Where((_, bit) => (flags & (1 << bit)) != 0));
    }
}
