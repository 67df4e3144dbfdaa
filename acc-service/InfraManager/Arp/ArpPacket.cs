using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Arp;

/// <summary>Validates ARP frames as the pipeline does, and turns a request into its reply in place (RFC 826, RFC 5227).</summary>
internal static class ArpPacket
{
    /// <summary>Bytes of an Ethernet header and an ARP packet for IPv4.</summary>
    public const int Length = 42;

    private const ushort EtherType = 0x0806;
    private const ushort Request = 1, Reply = 2;
    private const int Operation = 20, SenderMac = 22, SenderIp = 28, TargetMac = 32, TargetIp = 38;

    /// <summary>Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.</summary>
    private static ReadOnlySpan<byte> Kind => [0, 1, 8, 0, 6, 4];

    /// <param name="frame">The request, which is overwritten with the reply.</param>
    /// <param name="gateway">The MAC address in the reply.</param>
    /// <param name="senders">The endpoints' MAC addresses by IPv4 address.</param>
    public static ArpVerdict Answer(Span<byte> frame, MacAddress gateway, Dictionary<uint, ulong> senders)
    {
        if (frame.Length < Length
            || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType
            || !frame.Slice(14, Kind.Length).SequenceEqual(Kind))
        {
            return ArpVerdict.Malformed;
        }

        var sender = MacAt(frame, SenderMac);
        var senderIp = BinaryPrimitives.ReadUInt32BigEndian(frame[SenderIp..]);
        var targetIp = BinaryPrimitives.ReadUInt32BigEndian(frame[TargetIp..]);
        if (sender != MacAt(frame, 6))
        {
            return ArpVerdict.SpoofedArp;
        }
        // A probe has no sender address: it asks whether the target address is in use. A reply to the address's owner would report a
        // conflict.
        var claimed = senderIp == 0 ? targetIp : senderIp;
        var isOwner = senders.TryGetValue(claimed, out var known) && known == sender;
        if (senderIp == 0 ? isOwner : senderIp == targetIp && isOwner)
        {
            return ArpVerdict.ArpIgnored;
        }

        if (senderIp == 0 ? !senders.ContainsValue(sender) : !isOwner)
        {
            return ArpVerdict.SpoofedArp;
        }

        if (BinaryPrimitives.ReadUInt16BigEndian(frame[Operation..]) != Request)
        {
            return ArpVerdict.ArpIgnored;
        }

        frame.Slice(SenderMac, MacAddress.Length).CopyTo(frame);
        gateway.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[Operation..], Reply);
        frame.Slice(SenderMac, 10).CopyTo(frame[TargetMac..]);
        gateway.CopyTo(frame[SenderMac..]);
        BinaryPrimitives.WriteUInt32BigEndian(frame[SenderIp..], targetIp);
        return ArpVerdict.Answered;
    }

    private static ulong MacAt(ReadOnlySpan<byte> frame, int offset) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(frame[offset..]) << 32) | BinaryPrimitives.ReadUInt32BigEndian(frame[(offset + 2)..]);
}

/// <summary>How a frame was handled. ctl and the metrics show these names in snake case.</summary>
internal enum ArpVerdict
{
    Answered,

    /// <summary>Not ARP for IPv4 over Ethernet, or too short.</summary>
    Malformed,

    /// <summary>The sender addresses do not belong to an endpoint or differ from the frame's source.</summary>
    SpoofedArp,

    /// <summary>A reply, an announcement, or a probe for the sender's own address.</summary>
    ArpIgnored,

    /// <summary>The link did not accept the reply.</summary>
    NotSent,
}
