using System.Buffers.Binary;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests.Support;

/// <summary>A frame with a VXLAN packet (RFC 7348): builds one around an inner frame, and reads its fields.</summary>
internal sealed class Vxlan(Frame outer)
{
    public const ushort Port = 4789;
    public const ushort LinuxPort = 8472;

    /// <summary>IPv4, UDP, VXLAN and inner Ethernet header.</summary>
    public const int Overhead = 50;

    private const int Header = 42;

    public Frame Outer { get; } = outer;

    public ulong Flags => Read(Header, 4);

    /// <summary>The network identifier and the reserved byte after it.</summary>
    public ulong Identifier => Read(Header + 4, 4);

    public ushort UdpLength => (ushort)Read(38, 2);

    /// <summary>The inner frame, from its Ethernet header on.</summary>
    public Frame Inner => new(Outer.Bytes[(Header + 8)..]);

    /// <summary>Encapsulates a frame, which keeps its Ethernet addresses.</summary>
    public static Frame Around(
        Frame inner, uint source, uint destination, uint identifier, ushort port = Port, uint flags = 0x08000000, byte trafficClass = 0,
        ushort fragmentField = 0x4000, bool udpChecksum = false)
    {
        var payload = new byte[8 + inner.Bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(payload, flags);
        BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(4), identifier << 8);
        inner.Bytes.CopyTo(payload, 8);
        var frame = Frame.Build(Frame.Udp, source, 0xC123, destination, port, payload, udpChecksum: udpChecksum,
            fragmentField: fragmentField);
        return WithTrafficClass(frame, trafficClass);
    }

    /// <summary>Sets DSCP and ECN.</summary>
    public static Frame WithTrafficClass(Frame frame, byte trafficClass)
    {
        frame.Bytes[15] = trafficClass;
        return WithHeaderChecksum(frame);
    }

    public static Frame WithHeaderChecksum(Frame frame)
    {
        var span = frame.Bytes.AsSpan();
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
        return frame;
    }

    private ulong Read(int offset, int count)
    {
        var value = 0ul;
        for (var i = 0; i < count; i++)
        {
            value = (value << 8) | Outer.Bytes[offset + i];
        }

        return value;
    }
}
