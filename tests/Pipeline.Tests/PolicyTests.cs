using ACCOffload.Pipeline.Tests.Support;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.Pipeline.Tests;

/// <summary>What a pod's policy sets allow and deny.</summary>
public sealed class PolicyTests : IDisposable
{
    private const byte Gre = 47;
    private const uint External = 0x08080808;

    private readonly Node _node = new();
    private readonly Policy _policy;
    private readonly uint _client;
    private readonly uint _server;

    public PolicyTests()
    {
        _policy = new Policy(_node);
        (_client, _server) = (_node.AddPod(1), _node.AddPod(2));
    }

    public void Dispose() => _node.Dispose();

    private void AssertDenied(DropReason reason, uint port, Frame frame)
    {
        var before = _node.Drops(reason);
        Assert.Null(_node.Send(port, frame));
        Assert.Equal(before + 1, _node.Drops(reason));
    }

    [Theory]
    [InlineData(Frame.Tcp)]
    [InlineData(Frame.Udp)]
    [InlineData(Frame.Sctp)]
    [InlineData(Frame.Icmp)]
    [InlineData(Gre)]
    public void A_set_without_rules_denies_or_allows_by_its_lowest_bit(byte protocol)
    {
        _node.Bind(2, ingress: Policy.Denies);
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(protocol, _client, _server));
        _node.Bind(2, ingress: Policy.Allows);
        _node.Pass(1, Policy.First(protocol, _client, _server), 2);
        _node.Bind(2);
        _node.Bind(1, egress: Policy.Denies);
        AssertDenied(DropReason.PolicyEgress, 1, Policy.First(protocol, _client, _server));
        _node.Bind(1, egress: Policy.Allows);
        _node.Pass(1, Policy.First(protocol, _client, _server), 2);
    }

    [Fact]
    public void Only_the_named_peer_reaches_the_named_port()
    {
        var other = _node.AddPod(3);
        _node.Bind(2, ingress: Policy.Denies);
        _policy.AllowIngress(Policy.Denies, _client, Frame.Tcp, 80);
        _node.Pass(1, Policy.First(Frame.Tcp, _client, _server), 2);
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Tcp, _client, _server, port: 81));
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Udp, _client, _server));
        AssertDenied(DropReason.PolicyIngress, 3, Policy.First(Frame.Tcp, other, _server));
    }

    [Fact]
    public void A_pod_reaches_only_the_named_destination()
    {
        _node.Bind(1, egress: Policy.Denies);
        _policy.AllowEgress(Policy.Denies, External, Frame.Udp, 53);
        _node.Pass(1, Policy.First(Frame.Udp, _client, External, port: 53), Node.UplinkPort);
        AssertDenied(DropReason.PolicyEgress, 1, Policy.First(Frame.Udp, _client, External, port: 54));
        AssertDenied(DropReason.PolicyEgress, 1, Policy.First(Frame.Udp, _client, _server, port: 53));
        AssertDenied(DropReason.PolicyEgress, 1, Policy.First(Frame.Udp, _client, Node.Address, port: 53));
    }

    [Fact]
    public void Between_two_pods_both_sets_must_allow()
    {
        _node.Bind(1, egress: Policy.Denies);
        _node.Bind(2, ingress: Policy.AlsoDenies);
        AssertDenied(DropReason.PolicyEgress, 1, Policy.First(Frame.Tcp, _client, _server));
        _policy.AllowEgress(Policy.Denies, _server, Frame.Tcp, 80);
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Tcp, _client, _server));
        _policy.AllowIngress(Policy.AlsoDenies, _client, Frame.Tcp, 80);
        _node.Pass(1, Policy.First(Frame.Tcp, _client, _server), 2);
    }

    [Fact]
    public void A_rule_may_deny_what_the_set_allows()
    {
        _node.Bind(2, ingress: Policy.Allows);
        _policy.DenyIngress(Policy.Allows, _client, Frame.Tcp, 80);
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Tcp, _client, _server));
        _node.Pass(1, Policy.First(Frame.Tcp, _client, _server, port: 81), 2);
    }

    [Fact]
    public void Port_ranges_apply_to_ports_without_a_row_of_their_own()
    {
        // 8080 to 8087 and, for 8081, another class without a verdict.
        var group = _policy.GroupOf(egress: false, Policy.Denies, _policy.PeerOf(_client));
        _node.Bind(2, ingress: Policy.Denies);
        _node.PutPrefix("port_ranges", "numbered_port", [Frame.Tcp, 8080], 13, 7);
        _node.Put("ports", "numbered_port", [Frame.Tcp, 8081], 8);
        _policy.Rule(group, 7, "allow");
        foreach (var port in new ushort[] { 8080, 8082, 8087 })
        {
            _node.Pass(1, Policy.First(Frame.Tcp, _client, _server, port), 2);
        }

        foreach (var port in new ushort[] { 8079, 8081, 8088 })
        {
            AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Tcp, _client, _server, port));
        }

        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Udp, _client, _server, 8080));
    }

    [Fact]
    public void A_prefix_applies_to_addresses_without_a_row_of_their_own()
    {
        var other = _node.AddPod(3);
        _node.Bind(2, ingress: Policy.Denies);
        _node.PutPrefix("nets", "peer", [0x0AF40100], 24, 9);
        _node.PutPrefix("nets", "peer", [0x0AF40102], 31, 10);
        _node.Put("ingress_groups", "group", [9, Policy.Denies], 51);
        _node.Pass(1, Policy.First(Frame.Tcp, _client, _server), 2);
        // The longer prefix.
        AssertDenied(DropReason.PolicyIngress, 3, Policy.First(Frame.Tcp, other, _server));
        _node.Put("peers", "peer", [_client], 11);
        AssertDenied(DropReason.PolicyIngress, 1, Policy.First(Frame.Tcp, _client, _server));
    }

    [Fact]
    public void ICMP_is_judged_by_type_and_code()
    {
        _node.Bind(2, ingress: Policy.Denies);
        _policy.AllowIngress(Policy.Denies, _client, Frame.Icmp, Policy.Echo);
        _node.Pass(1, Frame.Echo(_client, _server, 7), 2);
        var timestamp = Frame.Error(13, 0, _client, Policy.First(Frame.Udp, _server, _client));
        AssertDenied(DropReason.PolicyIngress, 1, timestamp);
        _policy.AllowIngress(Policy.Denies, _client, Frame.Icmp, 0x0D00);
        _node.Pass(1, timestamp, 2);
    }

    [Theory]
    [InlineData(Policy.Pending, 0)]
    [InlineData(0, Policy.Pending)]
    public void Nothing_passes_while_a_pods_policy_is_not_known(uint egress, uint ingress)
    {
        _node.Bind(1, egress: egress);
        _node.Bind(2, ingress: ingress);
        AssertDenied(DropReason.PolicyPending, 1, Policy.First(Frame.Tcp, _client, _server));
    }

    [Theory]
    [InlineData("allow", true)]
    [InlineData("log_allow", true)]
    [InlineData("deny", false)]
    [InlineData("log_deny", false)]
    public void A_rule_counts_its_packets(string action, bool passes)
    {
        var (group, port) = (_policy.GroupOf(egress: false, Policy.Denies, _policy.PeerOf(_client)), _policy.PortOf(Frame.Tcp, 80));
        _policy.Rule(group, port, action, rule: 5);
        _node.Bind(2, ingress: Policy.Denies);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(passes, _node.Send(1, Policy.First(Frame.Tcp, _client, _server)) is not null);
        }

        Assert.Equal(3ul, _node.Counted("verdicts", "rule_packets", group, port));
    }

    [Fact]
    public void A_pod_always_reaches_itself_by_its_own_address()
    {
        _node.Bind(1, Policy.Denies, Policy.Denies);
        _node.Pass(1, Policy.First(Frame.Tcp, _client, _client), 1);
        _node.Pass(1, Frame.Build(Frame.Tcp, _client, 80, _client, 5000, flags: Frame.Syn | Frame.Ack), 1);
        Assert.Equal(0, _node.Learned("replies"));
    }

    [Theory]
    [InlineData(Node.Address)]
    [InlineData(Node.HostAddress)]
    public void The_node_reaches_its_own_pods_but_not_they_the_node(uint address)
    {
        _node.Bind(2, Policy.Denies, Policy.Denies);
        foreach (var protocol in new[] { Frame.Tcp, Frame.Udp, Frame.Sctp, Frame.Icmp })
        {
            var seen = _node.Pass(Node.HostPort, Policy.First(protocol, address, _server), 2);
            _node.Pass(2, Policy.Answer(seen), Node.HostPort);
        }

        AssertDenied(DropReason.PolicyEgress, 2, Policy.First(Frame.Tcp, _server, address, port: 10250));
    }

    [Fact]
    public void Others_behind_the_hosts_port_are_not_the_node()
    {
        const uint container = 0xAC110002;
        _node.Bind(2, ingress: Policy.Denies);
        AssertDenied(DropReason.PolicyIngress, Node.HostPort, Policy.First(Frame.Tcp, container, _server));
        // Nor at the uplink.
        Assert.Null(_node.Send(Node.UplinkPort, Policy.First(Frame.Tcp, Node.Address, _server)));
        Assert.Equal(1ul, _node.Drops(DropReason.SpoofedNode));
    }

    [Fact]
    public void Without_a_flow_each_packet_is_judged_in_its_own_direction()
    {
        _node.Bind(2, ingress: Policy.Denies);
        _policy.AllowIngress(Policy.Denies, _client, Gre, 0);
        _node.Pass(1, Policy.First(Gre, _client, _server), 2);
        _node.Pass(2, Policy.First(Gre, _server, _client), 1);
        _node.Bind(1, ingress: Policy.AlsoDenies);
        AssertDenied(DropReason.PolicyIngress, 2, Policy.First(Gre, _server, _client));
        Assert.Equal(0, _node.Learned("replies"));
    }

    [Fact]
    public void Pods_without_a_set_learn_nothing()
    {
        _node.AddPod(3);
        _node.Bind(3, Policy.Denies, Policy.Denies);
        foreach (var protocol in new[] { Frame.Tcp, Frame.Udp, Frame.Sctp, Frame.Icmp })
        {
            var seen = _node.Pass(1, Policy.First(protocol, _client, _server), 2);
            _node.Pass(2, Policy.Answer(seen), 1);
            _node.Pass(Node.UplinkPort, Policy.First(protocol, External, _server), 2);
            _node.Pass(2, Policy.First(protocol, _server, External), Node.UplinkPort);
        }

        Assert.Equal((0, 0, 0), (_node.Learned("flows"), _node.Learned("replies"), _node.Learned("periods")));
    }
}
