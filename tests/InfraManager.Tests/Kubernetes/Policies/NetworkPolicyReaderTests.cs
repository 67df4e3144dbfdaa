using System.Text;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Policies;

/// <summary>NetworkPolicies as the API server writes them. What they mean is from the API reference of networking.k8s.io/v1.</summary>
public sealed class NetworkPolicyReaderTests
{
    private static readonly PolicyPort AllTcp = new(IpProtocol.Tcp, null);

    [Fact]
    public void A_policy_has_its_selector_types_and_rules()
    {
        var policy = Read("""
            {"podSelector":{"matchLabels":{"role":"db","app":"shop"},"matchExpressions":[{"key":"env","operator":"NotIn","values":["test","dev"]},{"key":"x","operator":"Exists"},{"key":"y","operator":"DoesNotExist","values":[]},{"key":"z","operator":"In","values":["1"]}]},
            "policyTypes":["Ingress","Egress"],
            "ingress":[{"from":[{"ipBlock":{"cidr":"172.17.0.0/16","except":["172.17.1.0/24"]}},{"namespaceSelector":{"matchLabels":{"project":"a"}}},{"podSelector":{}},{"namespaceSelector":{},"podSelector":{"matchLabels":{"role":"front"}}}],"ports":[{"protocol":"TCP","port":6379}]}],
            "egress":[{"to":[{"ipBlock":{"cidr":"fd00::/8"}}],"ports":[{"protocol":"UDP","port":32000,"endPort":32768},{"protocol":"SCTP"},{"port":"http"}]}]}
            """);

        Assert.Equal(("default", "p"), (policy.Namespace, policy.Name));
        Assert.Equal(
            new LabelSelector(
            [
                new("app", LabelOperator.In, ["shop"]), new("role", LabelOperator.In, ["db"]), new("env", LabelOperator.NotIn, ["test", "dev"]),
                new("x", LabelOperator.Exists, []), new("y", LabelOperator.DoesNotExist, []), new("z", LabelOperator.In, ["1"]),
            ]),
            policy.Pods);
        Assert.Equal(
            [
                new PolicyPeer { Nets = [PolicyNet.Parse("172.17.0.0/16")], Except = [PolicyNet.Parse("172.17.1.0/24")] },
                new PolicyPeer { Namespaces = Selector("project", "a") },
                new PolicyPeer { Pods = LabelSelector.All },
                new PolicyPeer { Namespaces = LabelSelector.All, Pods = Selector("role", "front") },
            ],
            Assert.Single(policy.Ingress).Peers);
        Assert.Equal([new PolicyPort(IpProtocol.Tcp, 6379)], policy.Ingress[0].Ports);
        Assert.Equal([new PolicyPeer { Nets = [PolicyNet.Parse("fd00::/8")] }], Assert.Single(policy.Egress).Peers);
        Assert.Equal(
            [
                new PolicyPort(IpProtocol.Udp, 32000, 32768), new PolicyPort(IpProtocol.Sctp, null),
                new PolicyPort(IpProtocol.Tcp, null, null, "http"),
            ],
            policy.Egress[0].Ports);
    }

    [Theory]
    // Absent types: ingress always, egress where there is a rule for it.
    [InlineData("""{"podSelector":{}}""", true, false)]
    [InlineData("""{"podSelector":{},"egress":[{}]}""", true, true)]
    [InlineData("""{"podSelector":{},"policyTypes":["Egress"]}""", false, true)]
    [InlineData("""{"podSelector":{},"policyTypes":["Ingress"],"egress":[{}]}""", true, false)]
    public void Types_decide_which_directions_are_isolated(string spec, bool ingress, bool egress)
    {
        var policy = Read(spec);

        Assert.Equal((ingress, egress), (policy.HasIngress, policy.HasEgress));
    }

    [Fact]
    public void An_empty_list_of_rules_allows_nothing_and_an_empty_rule_everything()
    {
        Assert.Empty(Read("""{"podSelector":{},"ingress":[]}""").Ingress);
        foreach (var spec in new[] { """{"ingress":[{}]}""", """{"ingress":[{"from":[],"ports":[]}]}""", """{"ingress":[{"from":null,"ports":null}]}""" })
        {
            Assert.Equal([new NetworkPolicyRule([], [])], Read(spec).Ingress);
        }
    }

    [Fact]
    public void An_empty_selector_differs_from_an_absent_one()
    {
        var peers = Read("""{"ingress":[{"from":[{"podSelector":{}},{"namespaceSelector":{}},{"podSelector":{"matchLabels":{}},"namespaceSelector":null}]}]}""")
            .Ingress[0].Peers;

        Assert.Equal(
            [
                new PolicyPeer { Pods = LabelSelector.All }, new PolicyPeer { Namespaces = LabelSelector.All },
                new PolicyPeer { Pods = LabelSelector.All },
            ],
            peers);
        // The policy's own selector is optional, and selects all when absent.
        Assert.Equal(LabelSelector.All, Read("{}").Pods);
    }

    [Theory]
    [InlineData("""{"port":80}""")]
    [InlineData("""{"protocol":"TCP","port":80}""")]
    [InlineData("""{"protocol":"","port":80}""")]
    public void The_protocol_is_TCP_by_default(string port)
    {
        Assert.Equal([new PolicyPort(IpProtocol.Tcp, 80)], Ports(port));
        Assert.Equal([AllTcp], Ports("{}"));
    }

    [Fact]
    public void Blocks_may_have_bits_after_the_prefix()
    {
        Assert.Equal(
            [PolicyNet.Parse("10.0.0.0/8")], Read("""{"ingress":[{"from":[{"ipBlock":{"cidr":"10.1.2.3/8"}}]}]}""").Ingress[0].Peers[0].Nets);
    }

    [Theory]
    [InlineData("""{"podSelector":{"matchExpressions":[{"key":"a","operator":"Near"}]}}""", "spec.podSelector.matchExpressions[0].operator")]
    [InlineData("""{"podSelector":{"matchExpressions":[{"key":"a","operator":"In","values":[]}]}}""", "spec.podSelector.matchExpressions[0].values")]
    [InlineData("""{"podSelector":{"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]}}""", "spec.podSelector.matchExpressions[0].values")]
    [InlineData("""{"podSelector":{"matchExpressions":[{"operator":"Exists"}]}}""", "spec.podSelector.matchExpressions[0].key")]
    [InlineData("""{"policyTypes":["Forward"]}""", "spec.policyTypes[0]")]
    [InlineData("""{"ingress":[null]}""", "spec.ingress[0]")]
    [InlineData("""{"ingress":[{"from":[{}]}]}""", "spec.ingress[0].from[0]")]
    [InlineData("""{"egress":[{"to":[null]}]}""", "spec.egress[0].to[0]")]
    [InlineData("""{"ingress":[{"from":[{"podSelector":{},"ipBlock":{"cidr":"10.0.0.0/8"}}]}]}""", "spec.ingress[0].from[0].ipBlock")]
    [InlineData("""{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0"}}]}]}""", "spec.ingress[0].from[0].ipBlock.cidr")]
    [InlineData("""{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["x"]}}]}]}""", "spec.ingress[0].from[0].ipBlock.except[0]")]
    [InlineData("""{"ingress":[{"ports":[{"protocol":"ICMP"}]}]}""", "spec.ingress[0].ports[0].protocol")]
    [InlineData("""{"ingress":[{"ports":[{"port":65536}]}]}""", "spec.ingress[0].ports[0].port")]
    [InlineData("""{"ingress":[{"ports":[{"port":"http","endPort":90}]}]}""", "spec.ingress[0].ports[0].endPort")]
    [InlineData("""{"ingress":[{"ports":[{"endPort":90}]}]}""", "spec.ingress[0].ports[0].endPort")]
    [InlineData("""{"ingress":[{"ports":[{"port":100,"endPort":90}]}]}""", "spec.ingress[0].ports[0].endPort")]
    [InlineData("""{"ingress":[{"ports":[null]}]}""", "spec.ingress[0].ports[0]")]
    public void What_cannot_be_read_is_refused_with_the_field(string spec, string field)
    {
        var e = Assert.Throws<KubeFormatException>(() => Read(spec));

        Assert.Contains("NetworkPolicy default/p", e.Message, StringComparison.Ordinal);
        Assert.Contains(field, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unreadable_policy_isolates_its_whole_namespace()
    {
        var policy = NetworkPolicyReader.Unreadable("""{"metadata":{"name":"p","namespace":"shop","uid":"u","resourceVersion":"3"},"spec":[]}"""u8, "why");
        var record = (NetworkPolicyRecord)policy.Record!;

        Assert.Equal(("why", true, "u", "3"), (policy.Problem, policy.IsUnreadable, policy.Uid, policy.ResourceVersion));
        Assert.Equal(new NetworkPolicyRecord("shop", "p", LabelSelector.All, [], [], ["Ingress", "Egress"]), record);
    }

    private static LabelSelector Selector(string key, string value) => new([new LabelRequirement(key, LabelOperator.In, [value])]);

    private static SequenceOf<PolicyPort> Ports(string port) => Read($$"""{"ingress":[{"ports":[{{port}}]}]}""").Ingress[0].Ports;

    private static NetworkPolicyRecord Read(string spec) => (NetworkPolicyRecord)NetworkPolicyReader.Read(
        Encoding.UTF8.GetBytes($$"""{"metadata":{"name":"p","namespace":"default"},"spec":{{spec}}}""")).Record!;
}
