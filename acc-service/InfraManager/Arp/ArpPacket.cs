using System.Buffers.Binary;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Arp;

/// <summary>Judges ARP frames as the pipeline does, and makes an answer out of a request, in its place (RFC 826, RFC 5227).</summary>
internal static class ArpPacket
{
    /// <summary>Ethernet header and ARP for IPv4.</summary>
    public const int Length = 42;

    private const ushort EtherType = 0x0806;
    private const ushort Request = 1, Reply = 2;
    private const int Operation = 20, SenderMac = 22, SenderIp = 28, TargetMac = 32, TargetIp = 38;

    /// <summary>Hardware Ethernet, protocol IPv4, lengths 6 and 4.</summary>
    private static ReadOnlySpan<byte> Kind => [0, 1, 8, 0, 6, 4];

    /// <param name="frame">The request, which becomes the answer.</param>
    /// <param name="gateway">Who answers.</param>
    /// <param name="senders">MAC addresses of endpoints by IPv4 address.</param>
    public static ArpVerdict Answer(Span<byte> frame, MacAddress gateway, Dictionary<uint, ulong> senders)
    {
        if (frame.Length < Length || BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) != EtherType || !frame.Slice(14, Kind.Length).SequenceEqual(Kind))
        {
            return ArpVerdict.Malformed;
        }

        var sender = MacAt(frame, SenderMac);
        uint senderIp = BinaryPrimitives.ReadUInt32BigEndian(frame[SenderIp..]), targetIp = BinaryPrimitives.ReadUInt32BigEndian(frame[TargetIp..]);
        if (sender != MacAt(frame, 6))
        {
            return ArpVerdict.SpoofedArp;
        }
        // A probe claims no sender, it asks whether its target is free; whoever has that must not hear that it is taken.
        var claimed = senderIp == 0 ? targetIp : senderIp;
        var isHis = senders.TryGetValue(claimed, out var known) && known == sender;
        if (senderIp == 0 ? isHis : senderIp == targetIp && isHis)
        {
            return ArpVerdict.ArpIgnored;
        }

        if (senderIp == 0 ? !senders.ContainsValue(sender) : !isHis)
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

/// <summary>What becomes of a frame. The names are those that ctl shows.</summary>
internal enum ArpVerdict
{
    Answered,

    /// <summary>No ARP for IPv4 over Ethernet, or too short for one.</summary>
    Malformed,

    /// <summary>The sender's addresses are no endpoint's, or not those of the frame.</summary>
    SpoofedArp,

    /// <summary>An answer, an announcement, or a probe of the sender's own address.</summary>
    ArpIgnored,

    /// <summary>The link did not take the answer.</summary>
    NotSent,
}
