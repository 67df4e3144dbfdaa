using System.Buffers.Binary;
using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Addresses that are never forwarded to or from, and packets shorter than their headers claim.</summary>
public sealed class InvalidPacketTests : IDisposable
{
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly uint _client;

    public InvalidPacketTests() => _client = _node.AddPod(1);

    public void Dispose() => _node.Dispose();

    [Theory]
    [InlineData(0x00000000u)]
    [InlineData(0x00000001u)]
    [InlineData(0x7F000001u)]
    [InlineData(0xA9FE0505u)]
    [InlineData(0xA9FEA9FEu)]
    public void Packets_to_unroutable_addresses_are_dropped(uint address)
    {
        Assert.Null(_node.Send(1, Frame.Build(Frame.Udp, _client, 5000, address, 53)));
        Assert.Null(_node.Send(Node.HostPort, Frame.Build(Frame.Udp, Node.Address, 5000, address, 53)));
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(Frame.Udp, External, 5000, address, 53)));
        Assert.Equal(3ul, _node.Drops(DropReason.BadDestination));
    }

    [Theory]
    [InlineData(0x00000000u)]
    [InlineData(0x7F000001u)]
    [InlineData(0xA9FE0505u)]
    public void Packets_from_unroutable_addresses_are_dropped(uint address)
    {
        Assert.Null(_node.Send(Node.HostPort, Frame.Build(Frame.Udp, address, 5000, External, 53)));
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(Frame.Udp, address, 5000, _client, 53)));
        Assert.Equal(2ul, _node.Drops(DropReason.BadSource));
        Assert.Null(_node.Send(1, Frame.Build(Frame.Udp, address, 5000, External, 53)));
        Assert.Equal(1ul, _node.Drops(DropReason.SpoofedIp));
    }

    [Fact]
    public void The_uplink_rejects_sources_of_the_node_the_host_and_the_gateway()
    {
        foreach (var address in new[] { Node.Address, Node.HostAddress })
        {
            Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(Frame.Udp, address, 5000, _client, 53)));
            Assert.Null(_node.Send(1, Frame.Build(Frame.Udp, address, 5000, External, 53)));
            Assert.Equal(address, _node.Pass(Node.HostPort, Frame.Build(Frame.Udp, address, 5000, External, 53), Node.UplinkPort).Source);
        }
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(Frame.Udp, Node.Gateway, 5000, _client, 53)));
        Assert.Null(_node.Send(Node.HostPort, Frame.Build(Frame.Udp, Node.Gateway, 5000, _client, 53)));
        Assert.Equal((4ul, 2ul), (_node.Drops(DropReason.SpoofedNode), _node.Drops(DropReason.SpoofedIp)));
    }

    [Theory]
    [InlineData(Frame.Tcp, 20)]
    [InlineData(Frame.Udp, 8)]
    [InlineData(Frame.Sctp, 12)]
    [InlineData(Frame.Icmp, 8)]
    public void A_packet_with_a_truncated_layer_4_header_is_dropped(byte protocol, int header)
    {
        // The rest of the frame is padding and must not be parsed as a header.
        var whole = Frame.Build(protocol, _client, 0x0800, External, 0, new byte[40], fragmentField: 0);
        for (var length = 20; length < 20 + header; length++)
        {
            Assert.Null(_node.Send(1, WithLength(length)));
        }

        Assert.Equal((ulong)header, _node.Drops(DropReason.Malformed));
        Assert.NotNull(_node.Send(1, WithLength(20 + header)));

        Frame WithLength(int length)
        {
            var frame = new Frame([.. whole.Bytes]);
            var span = frame.Bytes.AsSpan();
            BinaryPrimitives.WriteUInt16BigEndian(span[16..], (ushort)length);
            BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
            // Recompute the checksum for the shortened packet.
            if (length >= 20 + header)
            {
                Checksums.Fill(frame);
            }

            return frame;
        }
    }
}
