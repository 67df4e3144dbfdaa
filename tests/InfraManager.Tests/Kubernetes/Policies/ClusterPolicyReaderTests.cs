using System.Text;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Policies;

/// <summary>ClusterNetworkPolicies as the API has them: policy.networking.k8s.io/v1alpha2 of the network-policy-api project.</summary>
public sealed class ClusterPolicyReaderTests
{
    [Fact]
    public void A_policy_has_its_place_subject_and_rules()
    {
        var read = Read("""
            {"tier":"Admin","priority":30,"subject":{"pods":{"namespaceSelector":{"matchLabels":{"team":"a"}},"podSelector":{"matchLabels":{"app":"b"}}}},
            "ingress":[{"name":"from-monitoring","action":"Accept","from":[{"namespaces":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}},{"pods":{"namespaceSelector":{},"podSelector":{"matchLabels":{"x":"y"}}}}],
              "protocols":[{"tcp":{"destinationPort":{"number":80}}},{"udp":{"destinationPort":{"range":{"start":100,"end":200}}}},{"sctp":{"destinationPort":{"number":7}}},{"destinationNamedPort":"http"}]},
             {"action":"Pass","from":[{"namespaces":{}}]}],
            "egress":[{"action":"Deny","to":[{"networks":["10.0.0.0/8","fd00::/8"]}]}]}
            """);

        Assert.Equal("", read.Problem);
        Assert.Equal(
            new ClusterPolicyRecord(
                "p", false, 30, Selector("team", "a"), Selector("app", "b"),
                [
                    new ClusterPolicyRule(
                        "from-monitoring", PolicyAction.Allow,
                        [
                            new PolicyPeer { Namespaces = Selector("kubernetes.io/metadata.name", "monitoring") },
                            new PolicyPeer { Namespaces = LabelSelector.All, Pods = Selector("x", "y") },
                        ],
                        [
                            new PolicyPort(IpProtocol.Tcp, 80), new PolicyPort(IpProtocol.Udp, 100, 200),
                            new PolicyPort(IpProtocol.Sctp, 7), new PolicyPort(null, null, null, "http"),
                        ]),
                    new ClusterPolicyRule("", PolicyAction.Pass, [new PolicyPeer { Namespaces = LabelSelector.All }], []),
                ],
                [
                    new ClusterPolicyRule(
                        "", PolicyAction.Deny, [new PolicyPeer { Nets = [PolicyNet.Parse("10.0.0.0/8"), PolicyNet.Parse("fd00::/8")] }], []),
                ]),
            read.Record);
    }

    [Fact]
    public void The_subject_may_be_namespaces_and_the_tier_Baseline()
    {
        var record = Record("""{"tier":"Baseline","priority":0,"subject":{"namespaces":{"matchExpressions":[{"key":"a","operator":"Exists"}]}}}""");

        Assert.Equal(
            new ClusterPolicyRecord(
                "p", true, 0, new LabelSelector([new LabelRequirement("a", LabelOperator.Exists, [])]), LabelSelector.All, [], []),
            record);
    }

    [Theory]
    [InlineData("""{"domainNames":["example.org"]}""", "peers by domain names are not enforced")]
    [InlineData("""{"later":{}}""", "no kind that is known")]
    [InlineData("null", "no kind that is known")]
    [InlineData("""{"networks":[]}""", "no kind that is known")]
    [InlineData("""{"namespaces":{},"nodes":{}}""", "no kind that is known, or more than one")]
    [InlineData("""{"networks":["10.0.0.0/8"],"nodes":{}}""", "no kind that is known, or more than one")]
    public void A_peer_of_an_unknown_kind_matches_no_accept_and_makes_others_deny_all(string peer, string problem)
    {
        foreach (var (action, expected) in new[] { ("Accept", ""), ("Deny", "deny all"), ("Pass", "deny all") })
        {
            var read = Read($$$"""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"{{{action}}}","to":[{"namespaces":{}},{{{peer}}}]}]}""");
            Assert.StartsWith("ClusterNetworkPolicy p: spec.egress[0].to[1]: ", read.Problem, StringComparison.Ordinal);
            Assert.Contains(problem, read.Problem, StringComparison.Ordinal);
            Assert.False(read.IsUnreadable);
            Assert.Equal(expected, Rules((ClusterPolicyRecord)read.Record!));
        }
    }

    [Fact]
    public void Egress_to_nodes_is_by_their_labels()
    {
        var read = Read("""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Deny","to":[{"nodes":{"matchLabels":{"a":"b"}}},{"nodes":{}}]}]}""");

        Assert.Equal("", read.Problem);
        Assert.Equal(
            [new PolicyPeer { Nodes = Selector("a", "b") }, new PolicyPeer { Nodes = LabelSelector.All }],
            ((ClusterPolicyRecord)read.Record!).Egress[0].Peers);
        Assert.True(((ClusterPolicyRecord)read.Record!).HasNodePeers);
    }

    [Theory]
    [InlineData("Accept", "")]
    [InlineData("Deny", "deny all")]
    public void Ingress_from_nodes_fails_closed(string action, string expected)
    {
        var read = Read($$$"""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"ingress":[{"action":"{{{action}}}","from":[{"nodes":{}}]}]}""");

        Assert.Equal("ClusterNetworkPolicy p: spec.ingress[0].from[0]: peers by nodes are for egress only", read.Problem);
        Assert.Equal(
            expected,
            string.Join(", ", PolicyTranslator.Translate((ClusterPolicyRecord)read.Record!).Rules.Ingress
                .Select(r => r.Action == PolicyAction.Deny && r.Match == RuleMatch.Any ? "deny all" : "other")));
    }

    [Theory]
    [InlineData("""{"icmp":{}}""")]
    [InlineData("""{"tcp":{}}""")]
    [InlineData("""{"tcp":{"destinationPort":{}}}""")]
    [InlineData("""{"tcp":{"destinationPort":{"number":80}},"udp":{"destinationPort":{"number":80}}}""")]
    [InlineData("null")]
    public void A_protocol_of_an_unknown_kind_fails_closed_too(string protocol)
    {
        foreach (var (action, expected) in new[] { ("Accept", ""), ("Deny", "deny all"), ("Pass", "deny all") })
        {
            var read = Read($$$"""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"{{{action}}}","to":[{"namespaces":{}}],"protocols":[{{{protocol}}}]}]}""");
            Assert.StartsWith("ClusterNetworkPolicy p: spec.egress[0].protocols[0]", read.Problem, StringComparison.Ordinal);
            Assert.Equal(expected, Rules((ClusterPolicyRecord)read.Record!));
        }
    }

    [Fact]
    public void An_unknown_action_denies()
    {
        var read = Read("""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Log","to":[{"networks":["0.0.0.0/0"]}]}]}""");

        Assert.Contains("spec.egress[0].action: \"Log\" is not an action", read.Problem, StringComparison.Ordinal);
        Assert.Equal(PolicyAction.Unknown, ((ClusterPolicyRecord)read.Record!).Egress[0].Action);
    }

    [Theory]
    [InlineData("""{"priority":1,"subject":{"namespaces":{}}}""", "spec.tier")]
    [InlineData("""{"tier":"Later","priority":1,"subject":{"namespaces":{}}}""", "spec.tier")]
    [InlineData("""{"tier":"Admin","subject":{"namespaces":{}}}""", "spec.priority")]
    [InlineData("""{"tier":"Admin","priority":1001,"subject":{"namespaces":{}}}""", "spec.priority")]
    [InlineData("""{"tier":"Admin","priority":1}""", "spec.subject")]
    [InlineData("""{"tier":"Admin","priority":1,"subject":{"later":{}}}""", "spec.subject")]
    [InlineData("""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"ingress":[{"action":"Deny","from":[{"namespaces":{"matchExpressions":[{"key":"a","operator":"?"}]}}]}]}""", "spec.ingress[0].from[0].namespaces.matchExpressions[0].operator")]
    [InlineData("""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Deny","to":[{"networks":["10.0.0.0/99"]}]}]}""", "spec.egress[0].to[0].networks[0]")]
    [InlineData("""{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"egress":[{"action":"Deny","to":[{"namespaces":{}}],"protocols":[{"tcp":{"destinationPort":{"range":{"start":9,"end":8}}}}]}]}""", "spec.egress[0].protocols[0]")]
    public void What_cannot_be_read_is_refused_with_the_field(string spec, string field)
    {
        Assert.Contains(field, Assert.Throws<KubeFormatException>(() => Read(spec)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"tier":"Baseline","priority":7,"subject":9}""", true, 7)]
    [InlineData("""{"tier":"Admin","priority":8}""", false, 8)]
    [InlineData("""{"tier":"Later","priority":9}""", false, 0)]
    [InlineData("""{"tier":"Baseline","priority":1001}""", false, 0)]
    [InlineData("""{"tier":"Baseline","priority":"9"}""", false, 0)]
    [InlineData("[]", false, 0)]
    public void An_unreadable_policy_denies_everything_at_its_place(string spec, bool isBaseline, int priority)
    {
        var read = ClusterPolicyReader.Unreadable(Encoding.UTF8.GetBytes($$$"""{"metadata":{"name":"p"},"spec":{{{spec}}}}"""), "why");
        var record = (ClusterPolicyRecord)read.Record!;

        Assert.Equal((isBaseline, priority, "why", true), (record.IsBaseline, record.Priority, read.Problem, read.IsUnreadable));
        Assert.Equal((LabelSelector.All, LabelSelector.All), (record.Namespaces, record.Pods));
        Assert.Equal("deny all", Rules(record));
        Assert.Equal(record.Ingress, record.Egress);
        Assert.Contains("why", record.Egress[0].Name, StringComparison.Ordinal);
    }

    /// <summary>What the model has of the policy's egress, as far as these tests ask.</summary>
    private static string Rules(ClusterPolicyRecord record) => string.Join(
        ", ",
        PolicyTranslator.Translate(record).Rules.Egress
            .Select(r => r.Action == PolicyAction.Deny && r.Match == RuleMatch.Any ? "deny all" : "other"));

    private static LabelSelector Selector(string key, string value) => new([new LabelRequirement(key, LabelOperator.In, [value])]);

    private static PolicyResource Read(string spec) =>
        ClusterPolicyReader.Read(Encoding.UTF8.GetBytes($$$"""{"metadata":{"name":"p"},"spec":{{{spec}}}}"""));

    private static ClusterPolicyRecord Record(string spec) => (ClusterPolicyRecord)Read(spec).Record!;
}
