using System.Buffers.Binary;
using System.Globalization;

namespace ACCOffload.TestKit.Packets;

/// <summary>An Ethernet frame with an IPv4 packet: builds one with correct checksums, and reads its fields.</summary>
public sealed class Frame(byte[] bytes)
{
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Sctp = 132;

    public const byte Fin = 0x01;
    public const byte Syn = 0x02;
    public const byte Rst = 0x04;
    public const byte Psh = 0x08;
    public const byte Ack = 0x10;

    public byte[] Bytes { get; } = bytes;

    public ulong DestinationMac => Read(0, 6);

    public ulong SourceMac => Read(6, 6);

    public int TotalLength => (int)Read(16, 2);

    public ushort FragmentField => (ushort)Read(20, 2);

    public byte Ttl => Bytes[22];

    public byte Protocol => Bytes[23];

    public uint Source => (uint)Read(26, 4);

    public uint Destination => (uint)Read(30, 4);

    /// <summary>The source port; for ICMP, type and code.</summary>
    public ushort SourcePort => (ushort)Read(34, 2);

    public ushort DestinationPort => (ushort)Read(36, 2);

    /// <summary>The identifier of an ICMP echo.</summary>
    public ushort Identifier => (ushort)Read(38, 2);

    public uint Sequence => (uint)Read(38, 4);

    public uint Acknowledgment => (uint)Read(42, 4);

    public byte Flags => Bytes[47];

    public ushort UdpChecksum => (ushort)Read(40, 2);

    public uint SctpChecksum => (uint)Read(42, 4);

    /// <summary>The IP packet, without padding.</summary>
    public ReadOnlySpan<byte> Ip => Bytes.AsSpan(14, TotalLength);

    public ReadOnlySpan<byte> Payload => Bytes.AsSpan(34 + HeaderOf(Protocol), TotalLength - 20 - HeaderOf(Protocol));

    /// <summary>Source and destination as text.</summary>
    public string Path => $"{Text(Source)}:{SourcePort} > {Text(Destination)}:{DestinationPort}";

    public static string Text(uint address)
        => string.Create(CultureInfo.InvariantCulture, $"{address >> 24}.{(address >> 16) & 255}.{(address >> 8) & 255}.{address & 255}");

    /// <summary>Builds a frame.</summary>
    public static Frame Build(
        byte protocol, uint source, ushort sourcePort, uint destination, ushort destinationPort, ReadOnlySpan<byte> payload = default,
        byte flags = Syn, uint sequence = 1000, uint acknowledgment = 0, bool udpChecksum = true, ushort fragmentField = 0x4000)
    {
        var header = HeaderOf(protocol);
        var bytes = new byte[34 + header + payload.Length];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt16BigEndian(span[12..], 0x0800);
        span[14] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(bytes.Length - 14));
        BinaryPrimitives.WriteUInt16BigEndian(span[18..], 0x1234);
        BinaryPrimitives.WriteUInt16BigEndian(span[20..], fragmentField);
        span[22] = 64;
        span[23] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(span[26..], source);
        BinaryPrimitives.WriteUInt32BigEndian(span[30..], destination);
        BinaryPrimitives.WriteUInt16BigEndian(span[34..], sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(span[36..], destinationPort);
        payload.CopyTo(span[(34 + header)..]);
        switch (protocol)
        {
            case Tcp:
                BinaryPrimitives.WriteUInt32BigEndian(span[38..], sequence);
                BinaryPrimitives.WriteUInt32BigEndian(span[42..], acknowledgment);
                span[46] = 0x50;
                span[47] = flags;
                BinaryPrimitives.WriteUInt16BigEndian(span[48..], 0xFFFF);
                BinaryPrimitives.WriteUInt16BigEndian(span[50..], Checksums.Transport(span[14..]));
                break;
            case Udp:
                BinaryPrimitives.WriteUInt16BigEndian(span[38..], (ushort)(8 + payload.Length));
                if (udpChecksum)
                {
                    BinaryPrimitives.WriteUInt16BigEndian(span[40..], Checksums.Transport(span[14..]));
                }

                break;
            case Sctp:
                BinaryPrimitives.WriteUInt32BigEndian(span[38..], sequence);
                BinaryPrimitives.WriteUInt32BigEndian(span[42..], 0xC0FFEE01);
                break;
        }
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
        return new Frame(bytes);
    }

    /// <summary>Builds an ICMP echo request or reply.</summary>
    public static Frame Echo(uint source, uint destination, ushort identifier, bool reply = false, byte[]? payload = null)
        => IcmpMessage((ushort)(reply ? 0 : 0x0800), source, destination, identifier, payload ?? "ping"u8);

    /// <summary>Builds an ICMP message.</summary>
    /// <param name="typeAndCode">The type in the upper byte, the code in the lower one.</param>
    /// <param name="source">The address that sends it.</param>
    /// <param name="destination">The address that receives it.</param>
    /// <param name="identifier">Bytes 4 and 5 of the message.</param>
    /// <param name="payload">What follows the eight bytes of the header.</param>
    public static Frame IcmpMessage(ushort typeAndCode, uint source, uint destination, ushort identifier, ReadOnlySpan<byte> payload)
    {
        var frame = Build(Icmp, source, typeAndCode, destination, 0, payload);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(38), identifier);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(36), Checksums.Of(frame.Bytes.AsSpan(34)));
        return frame;
    }

    /// <summary>Sets the Ethernet addresses and returns the frame.</summary>
    public Frame From(ulong sourceMac, ulong destinationMac)
    {
        for (var i = 0; i < 6; i++)
        {
            Bytes[i] = (byte)(destinationMac >> (40 - 8 * i));
            Bytes[6 + i] = (byte)(sourceMac >> (40 - 8 * i));
        }
        return this;
    }

    /// <summary>Builds the ICMP error that a receiver or router sends about a frame.</summary>
    /// <param name="type">The ICMP type.</param>
    /// <param name="code">The ICMP code.</param>
    /// <param name="source">The address that sends the error.</param>
    /// <param name="seen">The quoted frame; the error is sent to its source.</param>
    /// <param name="quoted">The number of quoted bytes.</param>
    /// <param name="mtu">The MTU in "fragmentation needed".</param>
    public static Frame Error(byte type, byte code, uint source, Frame seen, int quoted = 28, ushort mtu = 0)
    {
        var frame = Build(Icmp, source, (ushort)((type << 8) | code), seen.Source, 0, seen.Ip[..Math.Min(quoted, seen.TotalLength)]);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(40), mtu);
        BinaryPrimitives.WriteUInt16BigEndian(frame.Bytes.AsSpan(36), Checksums.Of(frame.Bytes.AsSpan(34)));
        return frame;
    }

    /// <summary>Splits the packet into fragments.</summary>
    /// <param name="size">The payload of every fragment but the last, in bytes; a multiple of eight.</param>
    /// <param name="identification">The IP identification of all fragments.</param>
    public Frame[] Fragments(int size, ushort identification)
    {
        var payload = Ip[20..].ToArray();
        return [.. Enumerable.Range(0, (payload.Length + size - 1) / size).Select(i =>
        {
            var piece = payload.AsSpan(i * size, Math.Min(size, payload.Length - (i * size)));
            var bytes = new Frame([.. Bytes[..34], .. piece]);
            var span = bytes.Bytes.AsSpan();
            BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(20 + piece.Length));
            BinaryPrimitives.WriteUInt16BigEndian(span[18..], identification);
            BinaryPrimitives.WriteUInt16BigEndian(span[20..], (ushort)((i * size / 8) | ((i + 1) * size < payload.Length ? 0x2000 : 0)));
            BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
            return bytes;
        })];
    }

    /// <summary>Reassembles fragments, given in order.</summary>
    public static Frame Reassemble(params Frame[] fragments)
    {
        Assert.Single(fragments.Select(f => (f.Source, f.Destination, f.Protocol, f.SourceMac, f.DestinationMac)).Distinct());
        var whole = new Frame([.. fragments[0].Bytes[..34], .. fragments.SelectMany(f => f.Ip[20..].ToArray())]);
        var span = whole.Bytes.AsSpan();
        BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)(span.Length - 14));
        BinaryPrimitives.WriteUInt16BigEndian(span[20..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
        return whole;
    }

    /// <summary>The packet that an ICMP error quotes.</summary>
    public Frame Quoted => new([.. Bytes[..14], .. Ip[28..]]);

    private ulong Read(int offset, int count)
    {
        var value = 0ul;
        for (var i = 0; i < count; i++)
        {
            value = (value << 8) | Bytes[offset + i];
        }

        return value;
    }

    private static int HeaderOf(byte protocol) => protocol switch { Tcp => 20, Sctp => 12, _ => 8 };
}
