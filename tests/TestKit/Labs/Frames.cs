using System.Buffers.Binary;
using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.TestKit.Labs;

/// <summary>Builds raw frames, including ones that a normal network stack never sends.</summary>
public static class Frames
{
    public static byte[] Udp(MacAddress source, MacAddress destination, string from, string to, byte ttl = 64, int payload = 64)
    {
        var frame = new byte[14 + 20 + 8 + payload];
        destination.CopyTo(frame);
        source.CopyTo(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        var ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(ip.Length));
        ip[8] = ttl;
        ip[9] = 17;
        IPAddress.Parse(from).TryWriteBytes(ip[12..], out _);
        IPAddress.Parse(to).TryWriteBytes(ip[16..], out _);
        WriteHeaderChecksum(frame);
        BinaryPrimitives.WriteUInt16BigEndian(ip[20..], 4321);
        BinaryPrimitives.WriteUInt16BigEndian(ip[22..], 1234);
        BinaryPrimitives.WriteUInt16BigEndian(ip[24..], (ushort)(8 + payload));
        return frame;
    }

    public static byte[] ArpRequest(MacAddress source, MacAddress sender, string senderAddress, string target, ushort operation = 1)
    {
        var frame = new byte[60];
        frame.AsSpan(0, 6).Fill(0xff);
        source.CopyTo(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0806);
        var arp = frame.AsSpan(14);
        BinaryPrimitives.WriteUInt16BigEndian(arp, 1);
        BinaryPrimitives.WriteUInt16BigEndian(arp[2..], 0x0800);
        arp[4] = 6;
        arp[5] = 4;
        BinaryPrimitives.WriteUInt16BigEndian(arp[6..], operation);
        sender.CopyTo(arp[8..]);
        IPAddress.Parse(senderAddress).TryWriteBytes(arp[14..], out _);
        IPAddress.Parse(target).TryWriteBytes(arp[24..], out _);
        return frame;
    }

    /// <summary>Writes the RFC 1071 checksum of the IPv4 header, which starts at byte 14.</summary>
    public static void WriteHeaderChecksum(byte[] frame)
    {
        var header = frame.AsSpan(14, (frame[14] & 0xf) * 4);
        header[10] = header[11] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], Checksums.Of(header));
    }
}
