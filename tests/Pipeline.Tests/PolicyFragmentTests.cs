using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Later fragments and ICMP errors, which do not say themselves what policy asks.</summary>
public sealed class PolicyFragmentTests : IDisposable
{
    private const byte Unreachable = 3;
    private const byte TooBig = 4;
    private const int Size = 1480;
    private const uint External = 0x08080808;
    private const uint Router = 0xC6336401;
    private static readonly byte[] Large = [.. Enumerable.Range(0, 4000).Select(i => (byte)(i * 7))];

    private readonly Node _node = new();
    private readonly Policy _policy;
    private readonly uint _client;
    private readonly uint _server;
    private ushort _identification = 100;

    public PolicyFragmentTests()
    {
        _policy = new Policy(_node);
        (_client, _server) = (_node.AddPod(1), _node.AddPod(2));
        _node.Bind(1, Policy.Denies, Policy.Denies);
        _node.Bind(2, Policy.AlsoDenies, Policy.AlsoDenies);
    }

    public void Dispose() => _node.Dispose();

    private void Allow(byte protocol, ushort port)
    {
        _policy.AllowEgress(Policy.Denies, _server, protocol, port);
        _policy.AllowIngress(Policy.AlsoDenies, _client, protocol, port);
    }

    private Frame PassAll(uint port, Frame frame, uint expectedPort)
        => Frame.Reassemble([.. frame.Fragments(Size, ++_identification).Select(f => _node.Pass(port, f, expectedPort))]);

    [Fact]
    public void Fragments_of_an_allowed_flow_pass_both_ways()
    {
        Allow(Frame.Udp, 80);
        var seen = PassAll(1, Frame.Build(Frame.Udp, _client, 5000, _server, 80, Large), 2);
        PassAll(2, Service.Answer(seen, payload: Large), 1);
    }

    [Fact]
    public void Fragments_of_an_allowed_echo_pass_both_ways()
    {
        Allow(Frame.Icmp, Policy.Echo);
        PassAll(1, Frame.Echo(_client, _server, 7, payload: Large), 2);
        PassAll(2, Frame.Echo(_server, _client, 7, reply: true, Large), 1);
    }

    [Theory]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Icmp)]
    public void All_fragments_of_a_denied_packet_are_dropped(byte protocol)
    {
        var frame = protocol == Frame.Icmp ? Frame.Echo(_client, _server, 7, payload: Large)
            : Frame.Build(protocol, _client, 5000, _server, 80, Large);
        Assert.All(frame.Fragments(Size, 7), f => Assert.Null(_node.Send(1, f)));
        Assert.Equal((1ul, 2ul), (_node.Drops(DropReason.PolicyEgress), _node.Drops(DropReason.ServiceFragment)));
        Assert.Equal(0, _node.Learned("fragments"));
    }

    [Fact]
    public void Later_fragments_of_a_denied_answer_are_dropped()
    {
        // The server is isolated only as a server: only its part as one tells that policy applies.
        _node.Bind(1);
        _node.Bind(2, ingress: Policy.AlsoDenies);
        Allow(Frame.Udp, 80);
        var seen = PassAll(1, Frame.Build(Frame.Udp, _client, 5000, _server, 80, Large), 2);
        _policy.RemoveIngress(Policy.AlsoDenies, _client, Frame.Udp, 80);
        Assert.All(Service.Answer(seen, payload: Large).Fragments(Size, 8), f => Assert.Null(_node.Send(2, f)));
    }

    [Fact]
    public void A_changed_policy_holds_for_the_fragments_that_follow()
    {
        Allow(Frame.Udp, 80);
        var pieces = Frame.Build(Frame.Udp, _client, 5000, _server, 80, Large).Fragments(Size, 7);
        _node.Pass(1, pieces[0], 2);
        _node.Pass(1, pieces[1], 2);
        _policy.RemoveEgress(Policy.Denies, _server, Frame.Udp, 80);
        Assert.Null(_node.Send(1, pieces[2]));
        Assert.Equal(1ul, _node.Drops(DropReason.PolicyEgress));
    }

    [Fact]
    public void An_error_about_an_allowed_flow_passes_until_the_flow_is_denied()
    {
        Allow(Frame.Udp, 80);
        var asked = _node.Pass(1, Frame.Build(Frame.Udp, _client, 5000, _server, 80), 2);
        var answered = _node.Pass(2, Service.Answer(asked), 1);
        // From the server about the request, and from the client about the answer.
        Frame[] errors = [Frame.Error(Unreachable, 3, _server, asked), Frame.Error(Unreachable, 3, _client, answered)];
        Assert.Equal(Convert.ToHexString(errors[0].Ip[20..]), Convert.ToHexString(_node.Pass(2, errors[0], 1).Ip[20..]));
        Assert.Equal(Convert.ToHexString(errors[1].Ip[20..]), Convert.ToHexString(_node.Pass(1, errors[1], 2).Ip[20..]));
        _policy.RemoveIngress(Policy.AlsoDenies, _client, Frame.Udp, 80);
        Assert.Null(_node.Send(2, errors[0]));
        Assert.Null(_node.Send(1, errors[1]));
        Assert.Equal(2ul, _node.Drops(DropReason.PolicyIngress));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_error_from_a_router_belongs_to_the_flow_that_it_is_about(bool masqueraded)
    {
        if (masqueraded)
        {
            _node.PutPrefix("outgoing", "masquerade_source", [0], 0, 255);
        }

        _policy.AllowEgress(Policy.Denies, External, Frame.Tcp, 80);
        var seen = _node.Pass(1, Frame.Build(Frame.Tcp, _client, 5000, External, 80), Node.UplinkPort);
        var error = Frame.Error(Unreachable, TooBig, Router, seen, mtu: 1400);
        Assert.Equal(_client, _node.Pass(Node.UplinkPort, error, 1).Destination);
        _policy.RemoveEgress(Policy.Denies, External, Frame.Tcp, 80);
        Assert.Null(_node.Send(Node.UplinkPort, error));
        Assert.Equal(1ul, _node.Drops(DropReason.PolicyEgress));
    }

    [Fact]
    public void An_error_about_a_flow_of_a_service_is_judged_like_the_flow()
    {
        Allow(Frame.Udp, 8080);
        var service = new Service(_node, Frame.Udp).Backend(1, _server).Fill(1).Frontend(Service.Address, 80);
        var asked = _node.Pass(1, service.To(_client, 5000), 2);
        var answered = _node.Pass(2, Service.Answer(asked), 1);
        _node.Pass(2, Frame.Error(Unreachable, 3, _server, asked), 1);
        _node.Pass(1, Frame.Error(Unreachable, 3, _client, answered), 2);
        _policy.RemoveEgress(Policy.Denies, _server, Frame.Udp, 8080);
        Assert.Null(_node.Send(2, Frame.Error(Unreachable, 3, _server, asked)));
        Assert.Null(_node.Send(1, Frame.Error(Unreachable, 3, _client, answered)));
        Assert.Equal(2ul, _node.Drops(DropReason.PolicyEgress));
    }

    [Fact]
    public void An_error_about_no_flow_is_judged_by_its_type_and_code()
    {
        var error = Frame.Error(Unreachable, 3, _client, Frame.Build(Frame.Udp, _server, 9, _client, 9));
        Assert.Null(_node.Send(1, error));
        Allow(Frame.Icmp, (Unreachable << 8) | 3);
        _node.Pass(1, error, 2);
    }
}
