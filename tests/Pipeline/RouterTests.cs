using System.Buffers.Binary;
using ACCOffload.PipelineTests.Support;

namespace ACCOffload.PipelineTests;

/// <summary>What the virtual router says itself (RFC 1812, 4.3), and what it answers.</summary>
public sealed class RouterTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;
    private const uint Nobody = 0x0AF401FE;

    private readonly Node _node = new();
    private readonly uint _client;

    public RouterTests()
    {
        _client = _node.AddPod(1);
        _node.PutPrefix("routes", "unassigned", [0x0A600000], 12);
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    // TTL, identification and checksum, so that the header is right again.
    private static Frame With(Frame frame, byte ttl = 64, ushort identification = 1)
    {
        var span = frame.Bytes.AsSpan();
        span[22] = ttl;
        BinaryPrimitives.WriteUInt16BigEndian(span[18..], identification);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(span[24..], Checksums.Of(span[14..34]));
        return frame;
    }

    // About what was sent, to its sender.
    private static void AssertSays(Frame message, ushort typeAndCode, uint source, Frame sent)
    {
        Assert.Equal((Frame.Icmp, typeAndCode), (message.Protocol, message.SourcePort));
        Assert.Equal((source, sent.Source, 56, 64), (message.Source, message.Destination, message.TotalLength, message.Ttl));
        Assert.Equal(Convert.ToHexString(sent.Ip[..28]), Convert.ToHexString(message.Ip.Slice(28, 28)));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    public void Of_a_packet_whose_time_is_over(byte protocol)
    {
        foreach (var ttl in new byte[] { 1, 0 })
        {
            var sent = With(Frame.Build(protocol, _client, 5000, External, 53, "payload"u8), ttl, identification: ttl);
            var message = _node.Pass(1, sent, 1);
            AssertSays(message, 0x0B00, Node.Gateway, sent);
            Assert.Equal((Node.GatewayMac, Node.PodMac(1)), (message.SourceMac, message.DestinationMac));
        }
        Assert.Equal(2ul, _node.Drops(DropReason.TtlExpired));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_an_echo_whose_time_is_over(bool reply)
    {
        var sent = With(Frame.Echo(_client, External, 77, reply), ttl: 1);
        AssertSays(_node.Pass(1, sent, 1), 0x0B00, Node.Gateway, sent);
    }

    [Fact]
    public void Of_an_expired_packet_to_a_service_as_of_others()
    {
        var service = new Service(_node).Backend(1, _node.AddPod(2)).Fill(1).Frontend(Service.Address, 80);
        var sent = With(service.To(_client, 5000), ttl: 1);
        AssertSays(_node.Pass(1, sent, 1), 0x0B00, Node.Gateway, sent);
        Assert.Equal(0, _node.Learned("flows"));
    }

    [Fact]
    public void To_the_host_and_beyond_the_uplink_by_the_address_that_it_has_there()
    {
        var fromHost = With(Frame.Build(Frame.Udp, Node.Address, 5000, External, 53), ttl: 1);
        AssertSays(_node.Pass(Node.HostPort, fromHost, Node.HostPort), 0x0B00, Node.Gateway, fromHost);
        var fromOutside = With(Frame.Build(Frame.Udp, External, 5000, _client, 53), ttl: 1);
        var message = _node.Pass(Node.UplinkPort, fromOutside, Node.UplinkPort);
        AssertSays(message, 0x0B00, Node.Address, fromOutside);
        Assert.Equal(Node.UplinkMac, message.DestinationMac);
    }

    [Fact]
    public void Of_a_network_without_a_route()
    {
        _node.RemovePrefix("routes", 0, 0);
        var sent = With(Frame.Build(Frame.Udp, _client, 5000, External, 53));
        AssertSays(_node.Pass(1, sent, 1), 0x0300, Node.Gateway, sent);
        Assert.Equal(1ul, _node.Drops(DropReason.NoRoute));
    }

    [Fact]
    public void Of_an_address_that_nobody_has()
    {
        foreach (var address in new[] { Nobody, 0x0A600099u })
        {
            var sent = With(Frame.Build(Frame.Udp, _client, 5000, address, 53), identification: (ushort)address);
            AssertSays(_node.Pass(1, sent, 1), 0x0301, Node.Gateway, sent);
        }
        Assert.Equal(2ul, _node.Drops(DropReason.Unassigned));
        // It did not go round between node and uplink.
        var fromOutside = With(Frame.Build(Frame.Udp, External, 5000, Nobody, 53), ttl: 255);
        AssertSays(_node.Pass(Node.UplinkPort, fromOutside, Node.UplinkPort), 0x0301, Node.Address, fromOutside);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void Of_what_is_too_big_for_the_way_as_it_was_before_it_was_translated(byte protocol)
    {
        _node.PutPrefix("routes", "to_narrow_port", [0], 0, Node.UplinkPort, Node.GatewayMac, Node.UplinkMac, 1400);
        // Not translated; of a size that just fits, too.
        var sent = Frame.Build(protocol, _client, 5000, External, 53, new byte[1381]);
        var message = _node.Pass(1, sent, 1);
        AssertSays(message, 0x0304, Node.Gateway, sent);
        Assert.Equal(1400u, message.Sequence & 0xFFFF);
        // No larger than what it is about: it would not get through.
        Assert.Equal(sent.Bytes.Length, message.Bytes.Length);
        _node.Pass(1, Frame.Build(protocol, _client, 5000, External, 53, new byte[1400 - 20 - (protocol == Frame.Tcp ? 20 : 8)]), Node.UplinkPort);
        Assert.Equal(1ul, _node.Drops(DropReason.TooBig));

        // To a backend over there, a reply of one here, and what is masqueraded.
        const uint remote = 0x0AF40205;
        var backend = _node.AddPod(2);
        var service = new Service(_node, protocol).Backend(1, remote).Fill(1).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), Node.UplinkPort);
        sent = service.To(_client, 5000, Frame.Ack, payload: new byte[1400]);
        AssertSays(_node.Pass(1, sent, 1), 0x0304, Node.Gateway, sent);
        new Service(_node, protocol, set: 2).Backend(2, backend).Fill(2).Frontend(Node.Address, 30080, outside: true);
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(protocol, External, 5000, Node.Address, 30080), 2);
        sent = Service.Answer(seen, payload: new byte[1400]);
        AssertSays(_node.Pass(2, sent, 2), 0x0304, Node.Gateway, sent);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        sent = With(Frame.Build(protocol, _client, 5001, External, 53, new byte[1400]));
        AssertSays(_node.Pass(1, sent, 1), 0x0304, Node.Gateway, sent);
    }

    [Fact]
    public void A_large_datagram_that_is_refused_is_answered_with_no_larger_a_frame()
    {
        var service = new Service(_node, Frame.Udp);
        _node.Put("services", "refuse", [0, Service.Address, 80, Frame.Udp], 80, 0);
        foreach (var size in new[] { 1000, 1472 })
        {
            var sent = service.To(_client, 5000, payload: new byte[size]);
            var message = _node.Pass(1, sent, 1);
            AssertSays(message, 0x0303, Service.Address, sent);
            Assert.InRange(message.Bytes.Length, 70, 1514);
        }
    }

    [Fact]
    public void Nothing_of_what_must_not_be_answered()
    {
        // RFC 1812, 4.3.2.7: errors; fragments but the first; broadcasts and multicasts; sources that are nobody's. And what can't be trusted.
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
        // The first one of several is answered.
        var first = With(Frame.Build(Frame.Udp, _client, 5000, External, 53, new byte[3000]).Fragments(1480, 9)[0], ttl: 1);
        AssertSays(_node.Pass(1, first, 1), 0x0B00, Node.Gateway, first);

        void AssertSilent(Frame frame) => Assert.Null(_node.Send(1, frame));
    }

    [Fact]
    public void Not_more_often_than_is_good()
    {
        // One address gets 16 of a kind in ten seconds, also while others are told.
        var other = _node.AddPod(2);
        Assert.Equal(16, Messages(1, _client, 400));
        Assert.Equal(16, Messages(2, other, 400));
        Assert.Equal(800ul, _node.Drops(DropReason.TtlExpired));
        _node.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(16, Messages(1, _client, 400));

        // Beyond the uplink sources may be forged: a limit for all of them.
        var told = 0;
        for (uint i = 0; i < 20_000; i++)
        {
            told += _node.Send(Node.UplinkPort, With(Frame.Build(Frame.Udp, External + (i << 8), 5000, _client, (ushort)i), ttl: 1, identification: 0)) is null ? 0 : 1;
        }

        Assert.Equal(8192, told);
        // No more than those are remembered, so that the table that limits them can't be filled.
        Assert.InRange(_node.Learned("answers"), 8192, 3 * 8192);
        Assert.Equal(16, Messages(2, other, 400));

        int Messages(uint port, uint from, int count)
        {
            var messages = 0;
            for (var i = 0; i < count; i++)
            {
                messages += _node.Send(port, With(Frame.Build(Frame.Udp, from, 5000, External, 53), ttl: 1, identification: (ushort)i)) is null ? 0 : 1;
            }

            return messages;
        }
    }

    [Fact]
    public void Without_an_address_to_say_it_from_it_is_silent()
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
        // An answer that nobody asked for says as much as a datagram.
        var reply = Frame.Echo(_client, Node.Gateway, 77, reply: true);
        AssertSays(_node.Pass(1, reply, 1), 0x0303, Node.Gateway, reply);
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
        AssertSays(_node.Pass(1, sent, 1), 0x0303, Node.Gateway, sent);
        Assert.Equal(1ul, _node.Drops(DropReason.Gateway));
        Assert.Null(_node.Send(Node.UplinkPort, Frame.Build(protocol, External, 5000, Node.Gateway, 53)));
    }
}
