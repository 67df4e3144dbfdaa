namespace ACCOffload.TestKit.Packets;

/// <summary>
/// RFC 1071 checksums, always computed over the whole data. The pipeline updates checksums incrementally; these verify its results.
/// </summary>
public static class Checksums
{
    public static ushort Of(ReadOnlySpan<byte> data) => Complement(Sum(data, 0, skip: -2));

    /// <summary>The expected checksum of a TCP or UDP packet.</summary>
    /// <param name="ip">The IP packet, without padding.</param>
    public static ushort Transport(ReadOnlySpan<byte> ip)
    {
        var segment = ip[20..];
        var pseudo = Sum(ip[12..20], ip[9] + (ulong)segment.Length, skip: -2);
        var checksum = Complement(Sum(segment, pseudo, skip: ip[9] == Frame.Tcp ? 16 : 6));
        return checksum == 0 && ip[9] == Frame.Udp ? (ushort)0xFFFF : checksum;
    }

    /// <summary>Writes the layer 4 checksum of a frame.</summary>
    public static void Fill(Frame frame)
    {
        var (field, sum) = frame.Protocol switch
        {
            Frame.Tcp => (50, Transport(frame.Ip)),
            Frame.Udp => (40, Transport(frame.Ip)),
            Frame.Icmp => (36, Of(Without(frame.Ip[20..], 2))),
            _ => (0, (ushort)0),
        };
        if (field != 0)
        {
            (frame.Bytes[field], frame.Bytes[field + 1]) = ((byte)(sum >> 8), (byte)sum);
        }
    }

    /// <summary>Asserts that the checksum of the IP header is correct.</summary>
    public static void AssertIpCorrect(Frame frame) =>
        Assert.True(Matches(Of(Without(frame.Bytes.AsSpan(14, 20), 10)), frame.Bytes.AsSpan(24)), "IP checksum");

    /// <summary>Asserts that the checksums of a frame are correct: IP, and TCP, UDP or ICMP.</summary>
    public static void AssertCorrect(Frame frame)
    {
        AssertIpCorrect(frame);
        // The layer 4 checksum of a fragment covers the whole packet.
        if ((frame.FragmentField & 0x3FFF) != 0)
        {
            return;
        }

        switch (frame.Protocol)
        {
            case Frame.Tcp:
                Assert.True(Matches(Transport(frame.Ip), frame.Ip[36..]), "TCP checksum");
                break;
            case Frame.Udp when frame.UdpChecksum != 0:
                Assert.True(Matches(Transport(frame.Ip), frame.Ip[26..]), "UDP checksum");
                break;
            case Frame.Icmp:
                Assert.True(Matches(Of(Without(frame.Ip[20..], 2)), frame.Ip[22..]), "ICMP checksum");
                break;
        }
    }

    // One's complement has two zeros; a receiver accepts both.
    private static bool Matches(ushort expected, ReadOnlySpan<byte> field)
        => expected % 65535 == ((field[0] << 8) | field[1]) % 65535;

    private static byte[] Without(ReadOnlySpan<byte> data, int field)
    {
        var copy = data.ToArray();
        (copy[field], copy[field + 1]) = (0, 0);
        return copy;
    }

    private static ulong Sum(ReadOnlySpan<byte> data, ulong start, int skip)
    {
        for (var i = 0; i < data.Length; i++)
        {
            if (i != skip && i != skip + 1)
            {
                start += (ulong)data[i] << (i % 2 == 0 ? 8 : 0);
            }
        }
        return start;
    }

    private static ushort Complement(ulong sum) => (ushort)(65535 - (sum == 0 ? 0 : sum % 65535 == 0 ? 65535 : sum % 65535));
}
