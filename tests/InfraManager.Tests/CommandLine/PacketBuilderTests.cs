using System.Buffers.Binary;
using System.Net;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.NativeInterop.Addresses;
using CsCheck;

namespace ACCOffload.InfraManager.Tests.CommandLine;

public sealed class PacketBuilderTests
{
    private static readonly PacketSpec Spec = new()
    {
        SourceMac = MacAddress.Parse("02:00:00:00:00:01"),
        DestinationMac = MacAddress.Parse("02:ac:c0:00:00:01"),
        Source = IPAddress.Parse("10.244.1.2"),
        Destination = IPAddress.Parse("10.244.1.3"),
    };

    [Fact]
    public void The_checksum_matches_a_published_example() =>
        // A common textbook example of an IPv4 header with the checksum 0xb861.
        Assert.Equal(0xb861, PacketBuilder.Checksum(Convert.FromHexString("450000730000400040110000c0a80001c0a800c7")));

    [Fact]
    public void An_arp_request_asks_for_the_destination()
    {
        var frame = PacketBuilder.Build(Spec with { Protocol = PacketProtocol.Arp, DestinationMac = new MacAddress(0xFFFF_FFFF_FFFF) });
        Assert.Equal(
            "ffffffffffff" + "020000000001" + "0806" + "0001080006040001" + "020000000001" + "0af40102" + "000000000000" + "0af40103",
            Convert.ToHexStringLower(frame));
    }

    [Fact]
    public void An_echo_request_has_the_specified_fields()
    {
        var frame = PacketBuilder.Build(Spec with { Ttl = 3, PayloadLength = 2 });
        Assert.Equal(14 + 20 + 8 + 2, frame.Length);
        Assert.Equal(0x45, frame[14]);
        Assert.Equal(3, frame[22]);
        Assert.Equal(1, frame[23]);
        Assert.Equal(8, frame[34]);
        Assert.Equal(
            "02:00:00:00:00:01 > 02:ac:c0:00:00:01, 10.244.1.2 > 10.244.1.3 ICMP echo request, ttl 3, 44 bytes", FrameText.Describe(frame));
    }

    [Fact]
    public void Packets_have_the_specified_ports()
    {
        Assert.Contains("10.244.1.2:1234 > 10.244.1.3:443 TCP [SYN]", FrameText.Describe(PacketBuilder.Build(
            Spec with { Protocol = PacketProtocol.Tcp, SourcePort = 1234, DestinationPort = 443 })), StringComparison.Ordinal);
        Assert.Contains("10.244.1.2:40000 > 10.244.1.3:53 UDP", FrameText.Describe(
            PacketBuilder.Build(Spec with { Protocol = PacketProtocol.Udp, DestinationPort = 53 })), StringComparison.Ordinal);
    }

    [Fact]
    public void All_checksums_are_valid() =>
        Gen.Select(Gen.Enum<PacketProtocol>(), Gen.Int[0, 1500], Gen.UShort, Gen.UShort, Gen.UInt, Gen.UInt, Gen.Byte).Sample(
            (protocol, payload, source, destination, from, to, ttl) =>
            {
                if (protocol == PacketProtocol.Arp)
                {
                    return;
                }

                var frame = PacketBuilder.Build(Spec with
                {
                    Protocol = protocol,
                    PayloadLength = payload,
                    SourcePort = source,
                    DestinationPort = destination,
                    Source = new IPAddress(from),
                    Destination = new IPAddress(to),
                    Ttl = ttl,
                });
                var ip = frame.AsSpan(14);
                Assert.Equal(ip.Length, BinaryPrimitives.ReadUInt16BigEndian(ip[2..]));
                // The checksum of data that includes its checksum is zero.
                Assert.Equal(0, PacketBuilder.Checksum(ip[..20]));
                var segment = ip[20..];
                if (protocol == PacketProtocol.Icmp)
                {
                    Assert.Equal(0, PacketBuilder.Checksum(segment));
                    return;
                }
                var whole = new byte[12 + segment.Length];
                ip[12..20].CopyTo(whole);
                whole[9] = ip[9];
                BinaryPrimitives.WriteUInt16BigEndian(whole.AsSpan(10), (ushort)segment.Length);
                segment.CopyTo(whole.AsSpan(12));
                Assert.Equal(0, PacketBuilder.Checksum(whole));
                if (protocol == PacketProtocol.Udp)
                {
                    Assert.NotEqual(0, BinaryPrimitives.ReadUInt16BigEndian(segment[6..]));
                }
            }, iter: 500);

    [Fact]
    public void Any_bytes_can_be_described_in_one_line() =>
        Gen.Byte.Array[0, 80].Sample(bytes => Assert.DoesNotContain('\n', FrameText.Describe(bytes)), iter: 2000);
}
