using System.Buffers.Binary;
using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>ICMP messages and echo replies of the virtual router (RFC 1812, 4.3).</summary>
public sealed class RouterTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;
    private const uint Unassigned = 0x0AF401FE;

    private readonly Node _node = new();
    private readonly uint _client;

    public RouterTests()
    {
        _client = _node.AddPod(1);
        _node.PutPrefix("routes", "unassigned", [0x0A600000], 12);
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    // Sets TTL and identification and recomputes the header checksum.
    private static Frame With(Frame frame, byte ttl = 64, ushort identification = 1)
    {
        var span = frame.Bytes.AsSpan();
        span[22] = ttl;
        BinaryPrimitives.WriteUInt16BigEndian(span[18..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
        return frame;
    }

    // An ICMP message to the sender that quotes the packet.
    private static void AssertIcmp(Frame message, ushort typeAndCode, uint source, Frame sent)
    {
        Assert.Equal((Frame.Icmp, typeAndCode), (message.Protocol, message.SourcePort));
        Assert.Equal((source, sent.Source, 56, 64), (message.Source, message.Destination, message.TotalLength, message.Ttl));
        Assert.Equal(Convert.ToHexString(sent.Ip[..28]), Convert.ToHexString(message.Ip.Slice(28, 28)));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void An_expired_packet_is_answered_with_time_exceeded(byte protocol)
    {
        foreach (var ttl in new byte[] { 1, 0 })
        {
            var sent = With(Frame.Build(protocol, _client, 5000, External, 53, "payload"u8), ttl, identification: ttl);
            var message = _node.Pass(1, sent, 1);
            AssertIcmp(message, 0x0B00, Node.Gateway, sent);
            Assert.Equal((Node.GatewayMac, Node.PodMac(1)), (message.SourceMac, message.DestinationMac));
        }
        Assert.Equal(2ul, _node.Drops(DropReason.TtlExpired));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_expired_echo_is_answered_with_time_exceeded(bool reply)
    {
        var sent = With(Frame.Echo(_client, External, 77, reply), ttl: 1);
        AssertIcmp(_node.Pass(1, sent, 1), 0x0B00, Node.Gateway, sent);
    }

    [Fact]
    public void An_expired_packet_to_a_service_is_answered_with_time_exceeded()
    {
        var service = new Service(_node).Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        var sent = With(service.To(_client, 5000), ttl: 1);
        AssertIcmp(_node.Pass(1, sent, 1), 0x0B00, Node.Gateway, sent);
        Assert.Equal(0, _node.Learned("flows"));
    }

    [Fact]
    public void Messages_to_the_host_and_the_uplink_come_from_the_router_address_there()
    {
        var fromHost = With(Frame.Build(Frame.Udp, Node.Address, 5000, External, 53), ttl: 1);
        AssertIcmp(_node.Pass(Node.HostPort, fromHost, Node.HostPort), 0x0B00, Node.Gateway, fromHost);
        var fromOutside = With(Frame.Build(Frame.Udp, External, 5000, _client, 53), ttl: 1);
        var message = _node.Pass(Node.UplinkPort, fromOutside, Node.UplinkPort);
        AssertIcmp(message, 0x0B00, Node.Address, fromOutside);
        Assert.Equal(Node.UplinkMac, message.DestinationMac);
    }

    [Fact]
    public void The_gateway_address_never_leaves_by_the_uplink()
    {
        // The host forwards a packet from outside: its sender is reached through the uplink.
        var forwarded = With(Frame.Build(Frame.Udp, External, 5000, _client, 53), ttl: 1);
        AssertIcmp(_node.Pass(Node.HostPort, forwarded, Node.UplinkPort), 0x0B00, Node.Address, forwarded);
        Assert.Null(_node.Send(Node.HostPort, Frame.Echo(External, Node.Gateway, 77)));
        Assert.Null(_node.Send(Node.HostPort, Frame.Build(Frame.Udp, External, 5000, Node.Gateway, 53)));
        Assert.Equal(2ul, _node.Drops(DropReason.Gateway));
    }

    [Fact]
    public void A_packet_without_a_route_is_answered_with_network_unreachable()
    {
        _node.RemovePrefix("routes", 0, 0);
        var sent = With(Frame.Build(Frame.Udp, _client, 5000, External, 53));
        AssertIcmp(_node.Pass(1, sent, 1), 0x0300, Node.Gateway, sent);
        Assert.Equal(1ul, _node.Drops(DropReason.NoRoute));
    }

    [Fact]
    public void A_packet_to_an_unassigned_address_is_answered_with_host_unreachable()
    {
        foreach (var address in new[] { Unassigned, 0x0A600099u })
        {
            var sent = With(Frame.Build(Frame.Udp, _client, 5000, address, 53), identification: (ushort)address);
            AssertIcmp(_node.Pass(1, sent, 1), 0x0301, Node.Gateway, sent);
        }
        Assert.Equal(2ul, _node.Drops(DropReason.Unassigned));
        // A packet from outside is answered too: it does not loop between the node and the uplink.
        var fromOutside = With(Frame.Build(Frame.Udp, External, 5000, Unassigned, 53), ttl: 255);
        AssertIcmp(_node.Pass(Node.UplinkPort, fromOutside, Node.UplinkPort), 0x0301, Node.Address, fromOutside);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void A_packet_over_the_MTU_is_answered_with_a_quote_of_the_original(byte protocol)
    {
        _node.Put("next_hops", "direct", [1], Node.UplinkPort, Node.GatewayMac, Node.UplinkMac, 1400);
        _node.PutPrefix("routes", "to_next_hop", [0], 0, 1);
        // Packets that are not translated, including one that just fits.
        var sent = Frame.Build(protocol, _client, 5000, External, 53, new byte[1381]);
        var message = _node.Pass(1, sent, 1);
        AssertIcmp(message, 0x0304, Node.Gateway, sent);
        Assert.Equal(1400u, message.Sequence & 0xFFFF);
        // The message is not larger than its cause: a larger one would not get through.
        Assert.Equal(sent.Bytes.Length, message.Bytes.Length);
        _node.Pass(1, Frame.Build(protocol, _client, 5000, External, 53, new byte[1400 - 20 - (protocol == Frame.Tcp ? 20 : 8)]),
            Node.UplinkPort);
        Assert.Equal(1ul, _node.Drops(DropReason.TooBig));

        // A packet to a remote backend, a reply from a local one, and a masqueraded packet.
        const uint remote = 0x0AF40205;
        var backend = _node.AddPod(2);
        var service = new Service(_node, protocol).Backend(1, remote).Fill(1).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), Node.UplinkPort);
        sent = service.To(_client, 5000, Frame.Ack, payload: new byte[1400]);
        AssertIcmp(_node.Pass(1, sent, 1), 0x0304, Node.Gateway, sent);
        new Service(_node, protocol, set: 2).Backend(2, backend).Fill(2).Frontend(Node.Address, 30080, outside: true);
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(protocol, External, 5000, Node.Address, 30080), 2);
        sent = Service.Answer(seen, payload: new byte[1400]);
        AssertIcmp(_node.Pass(2, sent, 2), 0x0304, Node.Gateway, sent);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        sent = With(Frame.Build(protocol, _client, 5001, External, 53, new byte[1400]));
        AssertIcmp(_node.Pass(1, sent, 1), 0x0304, Node.Gateway, sent);
    }

    [Fact]
    public void The_rejection_of_a_large_datagram_is_not_larger_than_the_datagram()
    {
        var service = new Service(_node, Frame.Udp);
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Udp], 80, 0);
        foreach (var size in new[] { 1000, 1472 })
        {
            var sent = service.To(_client, 5000, payload: new byte[size]);
            var message = _node.Pass(1, sent, 1);
            AssertIcmp(message, 0x0303, Service.Address, sent);
            Assert.InRange(message.Bytes.Length, 70, sent.Bytes.Length);
        }
    }

    [Fact]
    public void Packets_that_must_not_be_answered_are_not()
    {
        // RFC 1812, 4.3.2.7: errors, later fragments, broadcast and multicast, invalid sources. Also other protocols and bad checksums.
        var quoted = Frame.Build(Frame.Udp, _client, 5000, External, 53);
        AssertSilent(With(Frame.Error(3, 3, _client, Frame.Build(Frame.Udp, External, 53, _client, 5000)), ttl: 1));
        AssertSilent(With(Frame.Error(11, 0, _client, Frame.Build(Frame.Udp, External, 53, _client, 5000)), ttl: 1));
        AssertSilent(With(Frame.Error(5, 1, _client, Frame.Build(Frame.Udp, External, 53, _client, 5000)), ttl: 1));
        foreach (var piece in Frame.Build(Frame.Udp, _client, 5000, External, 53, new byte[3000]).Fragments(1480, 9)[1..])
        {
            AssertSilent(With(piece, ttl: 1));
        }

        AssertSilent(With(Frame.Build(Frame.Udp, _client, 5000, 0xFFFFFFFF, 53), ttl: 1));
        AssertSilent(With(Frame.Build(Frame.Udp, _client, 5000, 0xE0000001, 53), ttl: 1));
        AssertSilent(With(Frame.Build(47, _client, 5000, External, 53), ttl: 1));
        var broken = With(quoted, ttl: 1);
        broken.Bytes[24] ^= 1;
        AssertSilent(broken);
        Assert.Equal(1ul, _node.Drops(DropReason.BadChecksum));
        foreach (var source in new[] { 0u, 0x7F000001u, 0xE0000001u, 0xFFFFFFFFu, 0xA9FE0505u })
        {
            Assert.Null(_node.Send(Node.UplinkPort, With(Frame.Build(Frame.Udp, source, 5000, _client, 53), ttl: 1)));
        }

        Assert.Equal(5ul, _node.Drops(DropReason.BadSource));
        // The first fragment is answered.
        var first = With(Frame.Build(Frame.Udp, _client, 5000, External, 53, new byte[3000]).Fragments(1480, 9)[0], ttl: 1);
        AssertIcmp(_node.Pass(1, first, 1), 0x0B00, Node.Gateway, first);

        void AssertSilent(Frame frame) => Assert.Null(_node.Send(1, frame));
    }

    [Fact]
    public void Messages_are_rate_limited()
    {
        // An address gets 16 messages of a kind in ten seconds, even while others get messages.
        var other = _node.AddPod(2);
        Assert.Equal(16, Messages(1, _client, 400));
        Assert.Equal(16, Messages(2, other, 400));
        Assert.Equal(800ul, _node.Drops(DropReason.TtlExpired));
        _node.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(16, Messages(1, _client, 400));

        // Sources behind the uplink may be forged: they share one limit.
        var told = 0;
        for (uint i = 0; i < 20_000; i++)
        {
            told += _node.Send(Node.UplinkPort,
                With(Frame.Build(Frame.Udp, External + (i << 8), 5000, _client, (ushort)i), ttl: 1, identification: 0)) is null ? 0 : 1;
        }

        Assert.Equal(8192, told);
        // Only these are remembered, so that the rate-limit table cannot be filled.
        Assert.InRange(_node.Learned("answers"), 8192, 3 * 8192);
        Assert.Equal(16, Messages(2, other, 400));

        int Messages(uint port, uint from, int count)
        {
            var messages = 0;
            for (var i = 0; i < count; i++)
            {
                messages += _node.Send(port,
                    With(Frame.Build(Frame.Udp, from, 5000, External, 53), ttl: 1, identification: (ushort)i)) is null ? 0 : 1;
            }

            return messages;
        }
    }

    [Fact]
    public void Without_a_router_address_no_message_is_sent()
    {
        _node.Remove("pools", 254);
        Assert.Null(_node.Send(1, With(Frame.Build(Frame.Udp, _client, 5000, External, 53), ttl: 1)));
        Assert.Equal(1ul, _node.Drops(DropReason.TtlExpired));
        Assert.Equal(0ul, _node.Drops(DropReason.Masquerade));
    }

    [Fact]
    public void The_gateway_answers_echo_requests_of_pods_and_the_host()
    {
        foreach (var (port, from) in new[] { (1u, _client), (Node.HostPort, Node.Address) })
        {
            var payload = new byte[1400];
            payload[700] = 7;
            var answer = _node.Pass(port, Frame.Echo(from, Node.Gateway, 77, payload: payload), port);
            Assert.Equal((Node.Gateway, from, 77, 0), (answer.Source, answer.Destination, answer.Identifier, answer.SourcePort));
            Assert.Equal(payload, answer.Payload.ToArray());
        }
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Echo(External, Node.Gateway, 77)));
        // An unsolicited echo reply is rejected with port unreachable, like a datagram.
        var reply = Frame.Echo(_client, Node.Gateway, 77, reply: true);
        AssertIcmp(_node.Pass(1, reply, 1), 0x0303, Node.Gateway, reply);
        foreach (var piece in Frame.Echo(_client, Node.Gateway, 77, payload: new byte[3000]).Fragments(1480, 9))
        {
            Assert.Null(_node.Send(1, piece));
        }
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void The_gateway_has_no_ports(byte protocol)
    {
        var sent = Frame.Build(protocol, _client, 5000, Node.Gateway, 53);
        AssertIcmp(_node.Pass(1, sent, 1), 0x0303, Node.Gateway, sent);
        Assert.Equal(1ul, _node.Drops(DropReason.Gateway));
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(protocol, External, 5000, Node.Gateway, 53)));
    }
}
