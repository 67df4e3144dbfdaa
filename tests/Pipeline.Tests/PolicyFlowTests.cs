using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>Policy judges every packet of a flow in the direction in which the flow began.</summary>
public sealed class PolicyFlowTests : IDisposable
{
    private const byte Pool = 1;
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly Policy _policy;
    private readonly uint _client;
    private readonly uint _server;

    public PolicyFlowTests()
    {
        _policy = new Policy(_node);
        (_client, _server) = (_node.AddPod(1), _node.AddPod(2));
        _node.Put("pools", "pool_ports", [Pool], Node.Address, 50000, 0x400, 0x3FF);
    }

    public void Dispose() => _node.Dispose();

    private static ushort PortOf(byte protocol) => protocol == Frame.Icmp ? Policy.Echo : (ushort)80;

    private void AssertDenied(DropReason reason, uint port, Frame frame)
    {
        var before = _node.Drops(reason);
        Assert.Null(_node.Send(port, frame));
        Assert.Equal(before + 1, _node.Drops(reason));
    }

    // Both pods are isolated in both directions; the client may ask the server.
    private void Isolate(byte protocol)
    {
        _node.Bind(1, Policy.Denies, Policy.Denies);
        _node.Bind(2, Policy.AlsoDenies, Policy.AlsoDenies);
        _policy.AllowEgress(Policy.Denies, _server, protocol, PortOf(protocol));
        _policy.AllowIngress(Policy.AlsoDenies, _client, protocol, PortOf(protocol));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    [InlineData(Frame.Icmp)]
    public void Answers_of_an_allowed_flow_pass(byte protocol)
    {
        Isolate(protocol);
        var asked = Policy.First(protocol, _client, _server);
        for (var i = 0; i < 3; i++)
        {
            var answered = _node.Pass(2, Policy.Answer(_node.Pass(1, asked, 2)), 1);
            Assert.Equal((_server, _client), (answered.Source, answered.Destination));
        }

        // The other way is not allowed.
        AssertDenied(DropReason.PolicyEgress, 2, Policy.First(protocol, _server, _client, sourcePort: 5001));
    }

    [Theory]
    [InlineData(Frame.Tcp, true)]
    [InlineData(Frame.Tcp, false)]
    [InlineData(Frame.Udp, true)]
    [InlineData(Frame.Udp, false)]
    [InlineData(Frame.Sctp, true)]
    [InlineData(Frame.Icmp, false)]
    public void A_changed_policy_holds_from_the_next_packet_both_ways(byte protocol, bool egress)
    {
        Isolate(protocol);
        var asked = Policy.First(protocol, _client, _server);
        var answer = Policy.Answer(_node.Pass(1, asked, 2));
        _node.Pass(2, answer, 1);
        var reason = egress ? DropReason.PolicyEgress : DropReason.PolicyIngress;
        if (egress)
        {
            _policy.RemoveEgress(Policy.Denies, _server, protocol, PortOf(protocol));
        }
        else
        {
            _policy.RemoveIngress(Policy.AlsoDenies, _client, protocol, PortOf(protocol));
        }

        AssertDenied(reason, 2, answer);
        AssertDenied(reason, 1, asked);
        Isolate(protocol);
        _node.Pass(2, answer, 1);
        _node.Pass(1, asked, 2);
    }

    [Fact]
    public void An_open_connection_is_judged_like_its_first_packet()
    {
        Isolate(Frame.Tcp);
        var connection = new Connection(_node, 1, _client, 5000, _server).Open(2);
        connection.Ask(2, Frame.Ack | Frame.Psh, "question");
        connection.Answer(2, Frame.Ack | Frame.Psh, "answer");
        _node.Time.Advance(TimeSpan.FromHours(11));
        connection.Answer(2, Frame.Ack | Frame.Psh, "more");
        _policy.RemoveIngress(Policy.AlsoDenies, _client, Frame.Tcp, 80);
        AssertDenied(DropReason.PolicyIngress, 1, connection.BuildRequest());
        AssertDenied(DropReason.PolicyIngress, 2, connection.BuildReply());
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_connection_that_is_older_than_the_first_policy_is_judged_by_its_ports(bool serverFirst, bool allowed)
    {
        var connection = new Connection(_node, 1, _client, 5000, _server).Open(2);
        Isolate(Frame.Tcp);
        if (!allowed)
        {
            _policy.RemoveIngress(Policy.AlsoDenies, _client, Frame.Tcp, 80);
        }

        for (var i = 0; i < 4; i++)
        {
            var fromServer = (i % 2 == 0) == serverFirst;
            var (port, frame) = fromServer ? (2u, connection.BuildReply()) : (1u, connection.BuildRequest());
            if (!allowed)
            {
                AssertDenied(DropReason.PolicyIngress, port, frame);
            }
            else if (fromServer && i == 0)
            {
                // Until the client sends, the server must be allowed to begin, too.
                AssertDenied(DropReason.PolicyEgress, port, frame);
            }
            else
            {
                _node.Pass(port, frame, fromServer ? 1u : 2);
            }
        }
    }

    [Fact]
    public void A_low_source_port_does_not_make_a_packet_a_reply()
    {
        _node.Bind(1, egress: Policy.Denies);
        foreach (var to in new[] { _server, External })
        {
            var data = Frame.Build(Frame.Tcp, _client, 1, to, 443, "data"u8, Frame.Ack | Frame.Psh, acknowledgment: 1);
            AssertDenied(DropReason.PolicyEgress, 1, data);
            AssertDenied(DropReason.PolicyEgress, 1, Frame.Build(Frame.Sctp, _client, 1, to, 443, "data"u8, sequence: 77));
        }

        Assert.Equal(0, _node.Learned("replies"));
    }

    [Fact]
    public void A_reply_whose_flow_was_forgotten_passes_once_the_client_has_spoken()
    {
        Isolate(Frame.Tcp);
        var connection = new Connection(_node, 1, _client, 5000, _server).Open(2);
        _node.Time.Advance(TimeSpan.FromHours(13));
        AssertDenied(DropReason.PolicyEgress, 2, connection.BuildReply());
        _node.Pass(1, connection.BuildRequest(), 2);
        _node.Pass(2, connection.BuildReply(), 1);
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    [InlineData(Frame.Icmp)]
    public void A_denied_packet_learns_nothing_and_takes_no_share(byte protocol)
    {
        _node.Bind(2, ingress: Policy.Denies);
        new Service(_node, protocol) { Affinity = 3 }.Backend(1, _server, 80).Fill(1).Frontend(Service.Address, 80);
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.PutPrefix("outgoing", "keep_source", [0x0AF40000], 16);
        _node.Bind(1, egress: Policy.AlsoDenies);
        _policy.AllowEgress(Policy.AlsoDenies, _server, protocol, PortOf(protocol));
        foreach (var to in new[] { _server, Service.Address, External })
        {
            Assert.Null(_node.Send(1, Policy.First(protocol, _client, to)));
        }

        Assert.Null(_node.Send(Node.UplinkPort, Policy.First(protocol, External, _server)));
        Assert.Equal(protocol == Frame.Icmp ? 2ul : 3, _node.Drops(DropReason.PolicyIngress));
        Assert.Equal(protocol == Frame.Icmp ? 2ul : 1, _node.Drops(DropReason.PolicyEgress));
        foreach (var learner in new[] { "flows", "replies", "affinities", "periods", "fragments" })
        {
            Assert.Equal(0, _node.Learned(learner));
        }

        Assert.Equal((0ul, 0ul), (_node.Register("unanswered", 1), _node.Register("slots", 0)));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Icmp)]
    public void Clients_beyond_the_uplink_are_judged_by_their_own_address(byte protocol)
    {
        _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        AssertDenied(DropReason.PolicyIngress, Node.UplinkPort, Policy.First(protocol, External, _server));
        _policy.AllowIngress(Policy.Denies, External, protocol, PortOf(protocol));
        var seen = _node.Pass(Node.UplinkPort, Policy.First(protocol, External, _server), 2);
        var answer = Policy.Answer(seen);
        Assert.Equal(_server, _node.Pass(2, answer, Node.UplinkPort).Source);
        AssertDenied(DropReason.PolicyEgress, 2, Policy.First(protocol, _server, External, sourcePort: 5001));
        _policy.RemoveIngress(Policy.Denies, External, protocol, PortOf(protocol));
        AssertDenied(DropReason.PolicyIngress, 2, answer);
    }

    [Fact]
    public void Pods_of_other_nodes_are_judged_by_their_own_addresses()
    {
        _ = new Cluster(_node);
        _node.Bind(2, Policy.Denies, Policy.Denies);
        var asked = Policy.First(Frame.Tcp, Cluster.PeerPod, _server);
        AssertDenied(DropReason.PolicyIngress, Node.UplinkPort, Cluster.FromPeer(asked));
        AssertDenied(DropReason.PolicyEgress, 2, Policy.First(Frame.Tcp, _server, Cluster.PeerPod, sourcePort: 5001));
        _policy.AllowIngress(Policy.Denies, Cluster.PeerPod, Frame.Tcp, 80);
        var seen = _node.Pass(Node.UplinkPort, Cluster.FromPeer(asked), 2);
        Assert.Equal((Cluster.PeerPod, _server), (seen.Source, seen.Destination));
        Assert.Equal(Cluster.Peer, _node.Pass(2, Policy.Answer(seen), Node.UplinkPort).Destination);
        _policy.AllowEgress(Policy.Denies, Cluster.PeerPod, Frame.Tcp, 80);
        _node.Pass(2, Policy.First(Frame.Tcp, _server, Cluster.PeerPod, sourcePort: 5001), Node.UplinkPort);
    }

    [Theory]
    [InlineData(Frame.Tcp, true)]
    [InlineData(Frame.Tcp, false)]
    [InlineData(Frame.Udp, true)]
    [InlineData(Frame.Udp, false)]
    [InlineData(Frame.Icmp, true)]
    [InlineData(Frame.Icmp, false)]
    public void Answers_from_beyond_the_uplink_pass_whether_or_not_the_pod_is_masqueraded(byte protocol, bool masqueraded)
    {
        if (masqueraded)
        {
            _node.PutPrefix("outgoing", "masquerade_source", [0], 0, Pool);
        }

        _node.Bind(1, Policy.Denies, Policy.Denies);
        _policy.AllowEgress(Policy.Denies, External, protocol, PortOf(protocol));
        var seen = _node.Pass(1, Policy.First(protocol, _client, External), Node.UplinkPort);
        Assert.Equal(masqueraded ? Node.Address : _client, seen.Source);
        var answer = Policy.Answer(seen);
        Assert.Equal(_client, _node.Pass(Node.UplinkPort, answer, 1).Destination);
        _policy.RemoveEgress(Policy.Denies, External, protocol, PortOf(protocol));
        AssertDenied(DropReason.PolicyEgress, Node.UplinkPort, answer);
        // What the pod did not ask for.
        Assert.Null(_node.Send(Node.UplinkPort, Policy.First(protocol, External, _client, port: 81)));
    }
}
