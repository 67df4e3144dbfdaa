using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>ICMP errors about translated flows (RFC 5508).</summary>
public sealed class ErrorTests : IDisposable
{
    private const byte Pool = 1;
    private const byte Unreachable = 3;
    private const byte TimeExceeded = 11;
    private const byte ParameterProblem = 12;
    private const byte PortUnreachable = 3;
    private const byte TooBig = 4;
    private const uint External = 0x08080808;
    private const uint Router = 0xC6336401;

    private readonly Node _node = new();
    private readonly uint _client;
    private readonly uint _backend;

    public ErrorTests()
    {
        (_client, _backend) = (_node.AddPod(1), _node.AddPod(2));
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    // The error quotes the packet as it was sent, except for the TTL.
    private static void AssertQuotes(Frame sent, Frame error, int bytes = 28)
    {
        var expected = sent.Ip[..bytes].ToArray();
        var actual = error.Ip.Slice(28, bytes).ToArray();
        // TTL and header checksum
        (actual[8], actual[10], actual[11]) = (expected[8], expected[10], expected[11]);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(actual));
        Checksums.AssertIpCorrect(error.Quoted);
    }

    [Theory]
    [InlineData(Frame.Tcp, Unreachable, PortUnreachable)]
    [InlineData(Frame.Udp, Unreachable, PortUnreachable)]
    [InlineData(Frame.Sctp, Unreachable, 2)]
    [InlineData(Frame.Udp, TimeExceeded, 1)]
    [InlineData(Frame.Tcp, ParameterProblem, 0)]
    public void An_error_from_the_backend_quotes_the_client_packet(byte protocol, byte type, byte code)
    {
        var service = new Service(_node, protocol).Backend(1, _backend, port: protocol == Frame.Sctp ? (ushort)80 : (ushort)8080).Fill(1)
            .Frontend(Service.Address, 80);
        var sent = service.To(_client, 5000, payload: "request"u8);
        var seen = _node.Pass(1, sent, 2);
        var error = _node.Pass(2, Frame.Error(type, code, _backend, seen), 1);
        Assert.Equal((Service.Address, _client), (error.Source, error.Destination));
        Assert.Equal((type << 8) | code, error.SourcePort);
        AssertQuotes(sent, error);
    }

    [Theory]
    [InlineData(28)]
    [InlineData(35)]
    [InlineData(548)]
    public void Checksums_are_correct_for_quotes_of_any_length(int quoted)
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        var sent = service.To(_client, 5000, payload: new byte[577]);
        var seen = _node.Pass(1, sent, 2);
        AssertQuotes(sent, _node.Pass(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen, quoted), 1), quoted);
        var without = Frame.Build(Frame.Udp, _client, 5000, Service.Address, 80, new byte[577], udpChecksum: false);
        seen = _node.Pass(1, without, 2);
        AssertQuotes(without, _node.Pass(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen, quoted), 1), quoted);
    }

    [Fact]
    public void Fragmentation_needed_reaches_the_client_from_a_router_on_the_way_to_the_backend()
    {
        const uint remote = 0x0AF40205;
        new Service(_node) { Pool = Pool }.Backend(1, remote).Fill(1).Frontend(Service.Address, 80)
            .Frontend(Node.Address, 30080, outside: true);
        // The cluster IP from a pod and from the host, and the node port.
        foreach (var (port, from, to, toPort) in new[] { (1u, _client, Service.Address, (ushort)80),
            (Node.HostPort, Node.Address, Service.Address, (ushort)80), (Node.UplinkPort, External, Node.Address, (ushort)30080) })
        {
            var sent = Frame.Build(Frame.Tcp, from, 5000, to, toPort, new byte[1400]);
            var seen = _node.Pass(port, sent, Node.UplinkPort);
            var error = _node.Pass(Node.UplinkPort, Frame.Error(Unreachable, TooBig, Router, seen, mtu: 1300), port);
            // As on Linux, an error from a router behind the service comes from the service address.
            Assert.Equal((to, from), (error.Source, error.Destination));
            Assert.Equal(1300u, error.Sequence & 0xFFFF);
            AssertQuotes(sent, error);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Pool)]
    public void Fragmentation_needed_reaches_the_backend_from_a_router_on_the_way_to_the_client(byte pool)
    {
        new Service(_node) { Pool = pool }.Backend(1, _backend).Fill(1).Frontend(Node.Address, 30080, outside: true);
        var seen = _node.Pass(Node.UplinkPort, Frame.Build(Frame.Tcp, External, 5000, Node.Address, 30080), 2);
        var sent = Service.Answer(seen, Frame.Ack, new byte[1400]);
        var reply = _node.Pass(2, sent, Node.UplinkPort);
        var error = _node.Pass(Node.UplinkPort, Frame.Error(Unreachable, TooBig, Router, reply, mtu: 1300), 2);
        // With masquerading the error comes from the node's address, otherwise from the router.
        Assert.Equal((pool == 0 ? Router : Node.Address, _backend), (error.Source, error.Destination));
        Assert.Equal(1300u, error.Sequence & 0xFFFF);
        AssertQuotes(sent, error);
    }

    [Fact]
    public void An_error_from_the_client_reaches_the_backend()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        var sent = Service.Answer(seen, payload: "answer"u8);
        var error = _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, _node.Pass(2, sent, 1)), 2);
        Assert.Equal((_client, _backend), (error.Source, error.Destination));
        AssertQuotes(sent, error);
    }

    [Fact]
    public void A_pod_that_is_its_own_backend_gets_errors_in_both_directions()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _client).Fill(1).Frontend(Service.Address, 80);
        var sent = service.To(_client, 5000);
        var seen = _node.Pass(1, sent, 1);
        var error = _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, seen), 1);
        Assert.Equal((Service.Address, _client), (error.Source, error.Destination));
        AssertQuotes(sent, error);
        var answer = Service.Answer(seen);
        error = _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, _node.Pass(1, answer, 1)), 1);
        Assert.Equal((Node.Gateway, _client), (error.Source, error.Destination));
        AssertQuotes(answer, error);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    public void Errors_about_masqueraded_flows_reach_the_pod_and_the_peer(byte protocol)
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        var sent = Frame.Build(protocol, _client, 5000, External, 53);
        var seen = _node.Pass(1, sent, Node.UplinkPort);
        // An Internet router appears with its own address: traceroute depends on it.
        var error = _node.Pass(Node.UplinkPort, Frame.Error(TimeExceeded, 0, Router, seen), 1);
        Assert.Equal((Router, _client), (error.Source, error.Destination));
        AssertQuotes(sent, error);
        var answer = Service.Answer(seen);
        error = _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, _node.Pass(Node.UplinkPort, answer, 1)), Node.UplinkPort);
        Assert.Equal((Node.Address, External), (error.Source, error.Destination));
        AssertQuotes(answer, error);
    }

    [Fact]
    public void Errors_about_masqueraded_echoes_reach_the_pod()
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        var sent = Frame.Echo(_client, External, 77);
        var error = _node.Pass(Node.UplinkPort, Frame.Error(TimeExceeded, 0, Router, _node.Pass(1, sent, Node.UplinkPort), 32), 1);
        Assert.Equal((Router, _client), (error.Source, error.Destination));
        AssertQuotes(sent, error, 32);
    }

    [Fact]
    public void An_error_about_a_moved_flow_comes_from_its_current_backend()
    {
        var other = _node.AddPod(3);
        var service = new Service(_node, Frame.Udp).Backend(1, _backend).Backend(2, other).Fill(1).Frontend(Service.Address, 80);
        _node.Pass(1, service.To(_client, 5000), 2);
        service.Fill(2).Succeed(2).Frontend(Service.Address, 80).Detach(1);
        var seen = _node.Pass(1, service.To(_client, 5000), 3);
        var sent = Service.Answer(seen);
        var error = _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, _node.Pass(3, sent, 1)), 3);
        Assert.Equal(other, error.Destination);
        AssertQuotes(sent, error);
    }

    [Fact]
    public void An_error_neither_extends_nor_ends_its_flow()
    {
        var service = new Service(_node).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        // Once a second, until just before an unanswered SYN expires.
        for (var second = 0; second < 59; second++)
        {
            _node.Time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(_client, _node.Pass(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen), 1).Destination);
        }
        Assert.Equal((1, 1), (_node.Learned("flows"), _node.Learned("replies")));
        _node.Time.Advance(TimeSpan.FromSeconds(2));
        // The flow has expired: the error and replies are not translated.
        Assert.Equal(seen.Source, _node.Pass(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen), 1).Destination);
        Assert.Equal(Service.Answer(seen).Source, _node.Pass(2, Service.Answer(seen), 1).Source);

        // A connection that has carried data survives any number of errors, including a client's errors about replies.
        var connection = new Connection(_node, 1, _client, 5001).Open(2);
        _node.Pass(2, Frame.Error(Unreachable, PortUnreachable, _backend, connection.Ask(2)), 1);
        _node.Pass(1, Frame.Error(Unreachable, PortUnreachable, _client, connection.Answer(2)), 2);
        _node.Time.Advance(TimeSpan.FromHours(11));
        connection.Ask(2);
        connection.Answer(2);
    }

    [Fact]
    public void An_error_without_a_matching_flow_is_not_translated()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        var other = Frame.Build(Frame.Udp, seen.Source, 5001, seen.Destination, seen.DestinationPort);
        AssertSame(2, Frame.Error(Unreachable, PortUnreachable, _backend, other), 1);

        // An error from a pod that was not the receiver, and an error to a host that was not the sender.
        AssertSame(3, Frame.Error(Unreachable, PortUnreachable, _node.AddPod(3), seen), 1);
        var answer = _node.Pass(2, Service.Answer(seen), 1);
        AssertSame(3,
            Frame.Error(Unreachable, PortUnreachable, Node.PodAddress(3), Frame.Build(Frame.Udp, answer.Source, 80, _client, 5000)),
            Node.UplinkPort);
        Assert.Null(_node.Send(3, Frame.Error(Unreachable, PortUnreachable, _backend, seen)));
        Assert.Equal(1ul, _node.Drops(DropReason.SpoofedPod));

        // Not an error, or one that quotes a later fragment or IP options.
        AssertSame(2, Frame.Error(5, 0, _backend, seen), 1);
        seen.Bytes[21] = 1;
        AssertSame(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen), 1);
        seen.Bytes[21] = 0;
        seen.Bytes[14] = 0x46;
        AssertSame(2, Frame.Error(Unreachable, PortUnreachable, _backend, seen), 1);

        void AssertSame(uint port, Frame error, uint to)
        {
            var passed = _node.Pass(port, error, to);
            Assert.Equal((error.Source, error.Destination), (passed.Source, passed.Destination));
            Assert.Equal(Convert.ToHexString(error.Ip[20..]), Convert.ToHexString(passed.Ip[20..]));
        }
    }

    [Fact]
    public void An_error_with_a_truncated_quote_is_dropped()
    {
        var service = new Service(_node, Frame.Udp).Backend(1, _backend).Fill(1).Frontend(Service.Address, 80);
        var seen = _node.Pass(1, service.To(_client, 5000), 2);
        var error = Frame.Error(Unreachable, PortUnreachable, _backend, seen, quoted: 27);
        Assert.Null(_node.Send(2, new Frame([.. error.Bytes, .. new byte[20]])));
        Assert.Equal(1ul, _node.Drops(DropReason.Malformed));
    }
}
