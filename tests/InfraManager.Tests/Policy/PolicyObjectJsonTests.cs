using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>The stored form of the objects that policy follows from.</summary>
public sealed class PolicyObjectJsonTests
{
    /// <summary>The texts are in databases of nodes: a test that fails here asks for a migration, not for a changed literal.</summary>
    private static readonly (PolicyObject Record, string Text)[] Stored =
    [
        (new NamespaceRecord("shop", Labels(("team", "web"), ("env", ""))), """{"name":"shop","labels":{"env":"","team":"web"}}"""),
        (new NamespaceRecord("bare", Labels()), """{"name":"bare"}"""),
        (new PodRecord("shop", "db-0", Labels(), [], []), """{"namespace":"shop","name":"db-0"}"""),
        (new PodRecord(
            "shop", "web-0", Labels(("app", "web")), [PolicyAddress.Parse("10.244.1.7"), PolicyAddress.Parse("fd00::7")],
            [new ContainerPort("http", 6, 8080), new ContainerPort("dns", 17, 53)])
            {
                Uid = "11d0",
                Node = "node-1",
                IsHostNetwork = true,
                IsFinished = true,
                IsLocal = true,
            },
            """{"namespace":"shop","name":"web-0","labels":{"app":"web"},"ips":["10.244.1.7","fd00::7"],"ports":[{"name":"http","protocol":6,"port":8080},{"name":"dns","protocol":17,"port":53}],"uid":"11d0","node":"node-1","host":true,"finished":true,"local":true}"""),
        (new NodeRecord("node-1", Labels(("zone", "a")), [PolicyAddress.Parse("192.0.2.10"), PolicyAddress.Parse("2001:db8::10")]),
            """{"name":"node-1","labels":{"zone":"a"},"ips":["192.0.2.10","2001:db8::10"]}"""),
        (new NetworkPolicyRecord("shop", "closed", LabelSelector.All, [], [], ["Ingress", "Egress"]),
            """{"namespace":"shop","name":"closed","pods":[],"types":["Ingress","Egress"]}"""),
        (new NetworkPolicyRecord(
            "shop", "web",
            new LabelSelector([new("app", LabelOperator.In, ["web"]), new("tier", LabelOperator.NotIn, ["x", "y"]), new("a", LabelOperator.Exists, []),
                new("b", LabelOperator.DoesNotExist, [])]),
            [new NetworkPolicyRule(
                [new PolicyPeer { Pods = LabelSelector.All, Namespaces = new LabelSelector([new("team", LabelOperator.Exists, [])]) }],
                [new PolicyPort(6, 80), new PolicyPort(17, 1000, 2000), new PolicyPort(132, null, null, "http"), new PolicyPort(6, null)])],
            [new NetworkPolicyRule([], []),
                new NetworkPolicyRule([new PolicyPeer { Nets = [PolicyNet.Parse("10.0.0.0/8")], Except = [PolicyNet.Parse("10.1.0.0/16")] }], [])],
            []),
            """{"namespace":"shop","name":"web","pods":[{"key":"app","values":["web"]},{"key":"tier","operator":1,"values":["x","y"]},{"key":"a","operator":2},{"key":"b","operator":3}],"ingress":[{"peers":[{"pods":[],"namespaces":[{"key":"team","operator":2}]}],"ports":[{"protocol":6,"port":80},{"protocol":17,"port":1000,"end":2000},{"protocol":132,"name":"http"},{"protocol":6}]}],"egress":[{},{"peers":[{"nets":["10.0.0.0/8"],"except":["10.1.0.0/16"]}]}]}"""),
        (new ClusterPolicyRecord("first", false, 0, LabelSelector.All, LabelSelector.All, [], []), """{"name":"first","namespaces":[],"pods":[]}"""),
        (new ClusterPolicyRecord(
            "last", true, 1000, new LabelSelector([new("team", LabelOperator.In, ["web"])]), LabelSelector.All,
            [new ClusterPolicyRule(
                "ok", PolicyAction.Allow, [new PolicyPeer { Namespaces = LabelSelector.All }], [new PolicyPort(null, null, null, "http")])],
            [new ClusterPolicyRule("", PolicyAction.Pass, [new PolicyPeer { Nets = [PolicyNet.Parse("fd00::/8"), PolicyNet.Parse("0.0.0.0/0")] }], []),
                new ClusterPolicyRule("", PolicyAction.Deny, [new PolicyPeer()], []),
                new ClusterPolicyRule("", PolicyAction.Unknown, [], [])]),
            """{"name":"last","baseline":true,"priority":1000,"namespaces":[{"key":"team","values":["web"]}],"pods":[],"ingress":[{"name":"ok","action":1,"peers":[{"namespaces":[]}],"ports":[{"name":"http"}]}],"egress":[{"action":3,"peers":[{"nets":["fd00::/8","0.0.0.0/0"]}]},{"action":2,"peers":[{}]},{}]}"""),
        (new ClusterPolicyRecord(
            "nodes", false, 0, LabelSelector.All, LabelSelector.All, [],
            [new ClusterPolicyRule(
                "", PolicyAction.Deny,
                [
                    new PolicyPeer { Nodes = LabelSelector.All },
                    new PolicyPeer { Nodes = new LabelSelector([new("zone", LabelOperator.In, ["a"])]) },
                ],
                [])]),
            """{"name":"nodes","namespaces":[],"pods":[],"egress":[{"action":2,"peers":[{"nodes":[]},{"nodes":[{"key":"zone","values":["a"]}]}]}]}"""),
    ];

    public static TheoryData<int> Rows => [.. Enumerable.Range(0, Stored.Length)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_stored_text_does_not_change(int row)
    {
        var (record, text) = Stored[row];

        Assert.Equal(text, PolicyObjectJson.Write(record));
        Assert.Equal(record, PolicyObjectJson.Read(record.ObjectKey.Kind, text));
    }

    [Fact]
    public void Every_record_is_read_as_it_was_written()
    {
        var records = new RandomRecords(new RandomWorld(20261128));
        for (var i = 0; i < 20_000; i++)
        {
            var record = records.Next();
            if (record.ObjectKey.Name.Length == 0)
            {
                continue;
            }

            var text = PolicyObjectJson.Write(record);
            Assert.Equal(record, PolicyObjectJson.Read(record.ObjectKey.Kind, text));
        }
    }

    [Theory]
    [InlineData(0, "", "$")]
    [InlineData(0, "null", "is null")]
    [InlineData(0, "[]", "$")]
    [InlineData(0, "{}", "name is missing")]
    [InlineData(0, """{"name":null}""", "name is missing")]
    [InlineData(0, """{"name":"a","name":"b"}""", "$.name")]
    [InlineData(0, """{"name":"a","later":1}""", "later")]
    [InlineData(0, """{"name":"a","labels":{"x":1}}""", "label x is not a string")]
    [InlineData(0, """{"name":"a","labels":{"x":"1","x":"2"}}""", "label x is there twice")]
    [InlineData(0, """{"name":"a","labels":["x"]}""", "labels are not an object")]
    [InlineData(1, """{"namespace":"a"}""", "name is missing")]
    [InlineData(1, """{"name":"a"}""", "namespace is missing")]
    [InlineData(1, """{"namespace":"a","name":"b","ips":["10.0.0.256"]}""", "$.ips")]
    [InlineData(1, """{"namespace":"a","name":"b","ips":["10.0.0.1","10.0.0.2"]}""", "ips has more than one address of a family")]
    [InlineData(1, """{"namespace":"a","name":"b","ports":[null]}""", "ports[0] is null")]
    [InlineData(1, """{"namespace":"a","name":"b","ports":[{"name":"x","protocol":6,"port":65536}]}""", "$.ports[0].port")]
    [InlineData(2, """{"namespace":"a","name":"b"}""", "pods is missing")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[{"key":"x","operator":4}]}""", "operator 4 is unknown")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[{"operator":2}]}""", "pods.key is missing")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[{"key":"x","values":[null]}]}""", "values[0] is null")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[],"ingress":[null]}""", "ingress[0] is null")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[],"ingress":[{"peers":[{}]}]}""", "spec.ingress[0].from[0]")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[],"ingress":[{"peers":[{"nets":["10.0.0.0/33"]}]}]}""", "$.ingress[0].peers[0].nets")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[],"egress":[{"ports":[{"protocol":6,"port":9,"end":8}]}]}""", "endPort")]
    [InlineData(3, """{"name":"a","pods":[]}""", "namespaces is missing")]
    [InlineData(3, """{"name":"a","pods":[],"namespaces":[],"priority":1001}""", "spec.priority")]
    [InlineData(3, """{"name":"a","pods":[],"namespaces":[],"egress":[{"action":5}]}""", "action 5 is unknown")]
    [InlineData(4, "{}", "name is missing")]
    [InlineData(4, """{"name":"a","ips":["node-1"]}""", "$.ips")]
    [InlineData(2, """{"namespace":"a","name":"b","pods":[],"egress":[{"peers":[{"nodes":[]}]}]}""", "spec.egress[0].to[0].nodes")]
    [InlineData(5, "{}", "is not a kind")]
    public void Invalid_text_is_refused_with_the_field(int kind, string text, string field)
    {
        var e = Assert.Throws<FormatException>(() => PolicyObjectJson.Read((PolicyObjectKind)kind, text));

        Assert.Contains(field, e.Message, StringComparison.Ordinal);
    }

    private static LabelSet Labels(params (string Key, string Value)[] labels) =>
        LabelSet.Of(labels.Select(l => KeyValuePair.Create(l.Key, l.Value)));
}
