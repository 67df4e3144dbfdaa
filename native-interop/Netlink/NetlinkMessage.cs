using System.Runtime.InteropServices;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>One message within a datagram (struct nlmsghdr and what follows). All numbers are in the machine's byte order.</summary>
internal readonly ref struct NetlinkMessage
{
    public const int HeaderLength = 16;

    public const ushort TypeNoop = 1;
    public const ushort TypeError = 2;
    public const ushort TypeDone = 3;
    public const ushort TypeOverrun = 4;

    public const ushort FlagRequest = 0x01;
    public const ushort FlagMulti = 0x02;
    public const ushort FlagAck = 0x04;
    public const ushort FlagDumpInterrupted = 0x10;
    public const ushort FlagDump = 0x300;
    public const ushort FlagReplace = 0x100;
    public const ushort FlagExclusive = 0x200;
    public const ushort FlagCreate = 0x400;
    public const ushort FlagCapped = 0x100;
    public const ushort FlagAckAttributes = 0x200;

    private NetlinkMessage(ReadOnlySpan<byte> bytes)
    {
        Type = MemoryMarshal.Read<ushort>(bytes[4..]);
        Flags = MemoryMarshal.Read<ushort>(bytes[6..]);
        Sequence = MemoryMarshal.Read<uint>(bytes[8..]);
        PortId = MemoryMarshal.Read<uint>(bytes[12..]);
        Payload = bytes[HeaderLength..];
    }

    public ushort Type { get; }

    public ushort Flags { get; }

    public uint Sequence { get; }

    public uint PortId { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Takes the first message off a datagram.</summary>
    /// <returns>False if its length makes no sense; then nothing in the rest can be found either.</returns>
    public static bool TryTake(ref ReadOnlySpan<byte> datagram, out NetlinkMessage message)
    {
        message = default;
        if (datagram.Length < HeaderLength)
        {
            return false;
        }

        var length = MemoryMarshal.Read<uint>(datagram);
        if (length < HeaderLength || length > (uint)datagram.Length)
        {
            return false;
        }

        message = new NetlinkMessage(datagram[..(int)length]);
        datagram = datagram[Math.Min(((int)length + 3) & ~3, datagram.Length)..];
        return true;
    }

    /// <summary>Splits the payload into the family's fixed structure and the attributes behind it.</summary>
    public bool TryRead<T>(out T body, out AttributeReader attributes)
        where T : unmanaged
    {
        attributes = default;
        if (!MemoryMarshal.TryRead(Payload, out body))
        {
            return false;
        }

        var length = (System.Runtime.CompilerServices.Unsafe.SizeOf<T>() + 3) & ~3;
        attributes = new AttributeReader(Payload.Length <= length ? default : Payload[length..]);
        return true;
    }
}
