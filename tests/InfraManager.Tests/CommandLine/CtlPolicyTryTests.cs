using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>ctl policy try: what a changed policy would change.</summary>
public sealed class CtlPolicyTryTests : IAsyncLifetime
{
    private const string ClosedWeb =
        """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: { namespace: shop, name: web }
        spec:
          podSelector: { matchLabels: { app: web } }
        """;

    private readonly Folder _folder = new();
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync()
    {
        _ctl = await PolicyCtl.StartAsync();
        await _ctl.SetAsync(PolicyCtl.Web);
    }

    public async ValueTask DisposeAsync()
    {
        await _ctl.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_same_policy_changes_nothing()
    {
        var text = await TryAsync(
            """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: { namespace: shop, name: web }
            spec:
              podSelector: { matchLabels: { app: web } }
              policyTypes: [Ingress]
              ingress:
              - from: [{ podSelector: { matchLabels: { app: client } } }]
                ports: [{ port: http }, { port: 9000, endPort: 9010 }]
            """);
        Assert.Contains("no packet would be judged differently", text, StringComparison.Ordinal);
        Assert.Contains("rules of 0 of 2 pods would change", text, StringComparison.Ordinal);
        Assert.Contains("none of 0 live flows would be cut", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_that_cannot_list_flows_is_a_note()
    {
        const string Problem = "live flows cannot be listed: this target (p4-dpdk) does not list what its pipeline has learned";
        _ctl.Api.Target.Learned = null;
        var text = await TryAsync(ClosedWeb);
        Assert.Contains("NEWLY DENIED from 2 pods", text, StringComparison.Ordinal);
        Assert.Equal($"note: {Problem}", text.Trim().Split('\n')[^1]);
        var json = JsonNode.Parse(await TryAsync(ClosedWeb, "--json"))!;
        Assert.Equal((Problem, 0), ((string?)json["flowsProblem"], json["cutFlows"]!.AsArray().Count));
        Assert.NotEmpty(json["effects"]!.AsArray());
    }

    [Fact]
    public async Task Only_flows_that_pass_now_and_are_judged_here_are_cut()
    {
        Learned(
            Flow(6, ("10.244.0.2", 5000), ("10.244.0.1", 8080)),
            // By the client's own address, not by what the backend sees.
            Flow(6, ("10.244.0.3", 5001), ("10.244.0.1", 8080), seen: ("203.0.113.1", 40000)),
            // Denied already: the port, and the client.
            Flow(6, ("10.244.0.2", 5002), ("10.244.0.1", 80)),
            Flow(6, ("203.0.113.1", 5003), ("10.244.0.1", 8080), outside: true),
            // Never judged: the node, and a pod with itself.
            Flow(6, ("192.0.2.10", 5004), ("10.244.0.1", 8080), isNode: true),
            Flow(6, ("10.244.0.1", 5005), ("10.244.0.1", 8080)),
            // Not changed: the other direction, and another pod.
            Flow(6, ("10.244.0.1", 5006), ("10.244.0.2", 8080)),
            Flow(6, ("10.244.0.3", 5007), ("10.244.0.2", 8080)));
        var json = JsonNode.Parse(await TryAsync(ClosedWeb, "--json"))!;
        Assert.Equal(8, (int)json["flows"]!);
        Assert.Equal([5000, 5001], json["cutFlows"]!.AsArray().Select(f => (int)f!["flow"]!["client"]!["port"]!));
    }

    [Fact]
    public async Task Flows_that_are_not_tracked_yet_are_mentioned()
    {
        const string Note = "note: no policy selects 1 of the changed pods now";
        Assert.DoesNotContain("note:", await TryAsync(ClosedWeb), StringComparison.Ordinal);
        var text = await TryAsync(ClosedWeb.Replace("app: web", "app: client", StringComparison.Ordinal)
            .Replace("name: web", "name: client", StringComparison.Ordinal));
        Assert.Contains("NEWLY DENIED", text, StringComparison.Ordinal);
        Assert.StartsWith(Note, text.Trim().Split('\n')[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_cut_flows_are_bounded_and_counted()
    {
        Learned([.. Enumerable.Range(0, 1000).Select(i => Flow(6, ("10.244.0.2", (ushort)(50_000 - i)), ("10.244.0.1", 8080)))]);
        var json = JsonNode.Parse(await TryAsync(ClosedWeb, "--json"))!;
        Assert.Equal(
            Enumerable.Range(49_001, 64), json["cutFlows"]!.AsArray().Select(f => (int)f!["flow"]!["client"]!["port"]!));
        Assert.Equal(936, (int)json["cutFlowsLeftOut"]!);
        var text = await TryAsync(ClosedWeb);
        Assert.Contains("1000 of 1000 live flows would be CUT", text, StringComparison.Ordinal);
        Assert.Contains("936 more are not shown", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Peers_by_nodes_are_tried_only_where_nodes_are_known()
    {
        const string ToNodes =
            """
            apiVersion: policy.networking.k8s.io/v1alpha2
            kind: ClusterNetworkPolicy
            metadata: { name: guard }
            spec:
              tier: Admin
              priority: 5
              subject: { namespaces: {} }
              egress:
              - action: Deny
                to: [{ nodes: { matchLabels: { zone: b } } }]
                protocols: [{ tcp: { destinationPort: { number: 22 } } }]
            """;
        var file = _folder.Write("guard.yaml", ToNodes);
        Assert.Contains("its nodes are not watched", await _ctl.FailAsync(1, "policy", "try", "--file", file), StringComparison.Ordinal);

        await _ctl.SetAsync(
            new NodeRecord("node-1", LabelSet.Of([new("zone", "a")]), [PolicyAddress.Parse("192.0.2.10")]),
            new NodeRecord("node-2", LabelSet.Of([new("zone", "b")]), [PolicyAddress.Parse("192.0.2.11")]),
            new ClusterPolicyRecord(
                "other", true, 5, LabelSelector.All, LabelSelector.All, [],
                [new ClusterPolicyRule("", PolicyAction.Allow, [new PolicyPeer { Nodes = LabelSelector.All }], [])]));
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "try", "--file", file, "--json"))!;
        var effects = json["effects"]!.AsArray().Where(e => (string?)e!["pod"] == "shop/pod-2").ToList();
        Assert.Contains(effects, e => e!["examples"]!.AsArray().Any(x => (string?)x == "node node-2 (192.0.2.11)")
            && (bool)e["others"]! && (string?)e["ports"]![0] == "TCP 22");
        Assert.DoesNotContain("node-1", json.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_narrower_policy_names_pods_ports_and_rules()
    {
        var file = _folder.Write(
            "web.yaml",
            """
            # Only the first five ports stay.
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata:
              namespace: shop
              name: web
            spec:
              podSelector: { matchLabels: { app: web } }
              ingress:
              - from:
                - podSelector: { matchLabels: { app: "client" } }
                ports:
                - { protocol: TCP, port: 9000, endPort: 9004 }
            ---
            """);
        var rows = _ctl.Core.Target.Rows;
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "try", "--file", file, "--json"))!;
        Assert.Equal("NetworkPolicy shop/web", (string?)json["policies"]![0]);
        Assert.Equal((2, 1), ((int)json["pods"]!, (int)json["changedPods"]!));
        var effect = Assert.Single(json["effects"]!.AsArray())!;
        Assert.Equal(
            ("shop/pod-1", "ingress", false, 2, false),
            ((string?)effect["pod"], (string?)effect["direction"], (bool)effect["allowed"]!, (int)effect["peerPods"]!,
                (bool)effect["others"]!));
        Assert.Equal(["TCP 8080", "TCP 9005-9010"], effect["ports"]!.AsArray().Select(p => (string)p!));
        Assert.Equal(
            ("NetworkPolicy shop/web ingress[0]", "tier NetworkPolicy default"),
            ((string?)effect["ruleBefore"], (string?)effect["ruleAfter"]));
        // Nothing was changed.
        Assert.Equal(rows, _ctl.Core.Target.Rows);
        Assert.Contains("allowed", await _ctl.RunAsync("policy", "why", "shop/pod-2", "shop/pod-1", "tcp/8080"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cluster_policy_and_a_list_are_tried_together()
    {
        var text = await TryAsync(
            """
            {"apiVersion": "v1", "kind": "List", "items": [
              {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "open"},
               "spec": {"tier": "Admin", "priority": 3, "subject": {"namespaces": {}},
                        "ingress": [{"name": "all", "action": "Accept", "from": [{"namespaces": {}}]}]}}
            ]}
            """);
        Assert.Contains("tried ClusterNetworkPolicy open", text, StringComparison.Ordinal);
        Assert.Contains("ingress of shop/pod-1", text, StringComparison.Ordinal);
        Assert.Contains("newly allowed from 2 pods such as shop/pod-", text, StringComparison.Ordinal);
        Assert.Contains(
            "before: tier NetworkPolicy default; then: ClusterNetworkPolicy open ingress[0] all", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_changes_are_bounded_and_counted()
    {
        var policy = new StringBuilder();
        for (var i = 0; i < 100; i++)
        {
            policy.Append(
                $$"""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: { namespace: shop, name: many-{{i}} }
                spec:
                  podSelector: {}
                  policyTypes: [Ingress]
                  ingress: [{ ports: [{ protocol: UDP, port: {{1000 + (2 * i)}} }] }]
                ---

                """);
        }

        var json = JsonNode.Parse(await TryAsync(policy.ToString(), "--json"))!;
        Assert.Equal(64, json["effects"]!.AsArray().Count);
        Assert.True((int)json["effectsLeftOut"]! > 30);
    }

    [Theory]
    [InlineData("kind: Pod", "document 1: kind: \"Pod\" is neither NetworkPolicy nor ClusterNetworkPolicy")]
    [InlineData(
        "kind: NetworkPolicy\napiVersion: extensions/v1beta1",
        "document 1: apiVersion: \"extensions/v1beta1\" is not networking.k8s.io/v1")]
    [InlineData("kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: a}", "metadata.namespace: missing")]
    [InlineData(
        "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: a, namespace: b}\n"
        + "spec: {ingress: [{ports: [{port: 70000}]}]}",
        "NetworkPolicy b/a: spec.ingress[0].ports[0].port: 70000 is outside 1..65535")]
    [InlineData("kind: NetworkPolicyList\nitems: [{kind: Pod}]", "document 1, items[0]: kind")]
    [InlineData("", "there is no policy in the file")]
    public async Task A_wrong_file_is_refused_whole_with_the_field(string yaml, string message)
    {
        var file = _folder.Write("x.yaml", yaml);
        Assert.Contains(message, await _ctl.FailAsync(1, "policy", "try", "--file", file), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_YAML_or_is_not_there_is_an_error()
    {
        Assert.Contains("x.yaml: not valid YAML (line ", await _ctl.FailAsync(
            2, "policy", "try", "--file", _folder.Write("x.yaml", "a: [")), StringComparison.Ordinal);
        Assert.Contains("anchor or alias on line 1", await _ctl.FailAsync(
            2, "policy", "try", "--file", _folder.Write("x.yaml", "a: &b c")), StringComparison.Ordinal);
        Assert.Contains("cannot be read", await _ctl.FailAsync(
            2, "policy", "try", "--file", _folder.At("none.yaml")), StringComparison.Ordinal);
        Assert.Contains("larger than", await _ctl.FailAsync(
            2, "policy", "try", "--file", _folder.Write("x.yaml", new string('#', 1 << 20))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_any_policy_nothing_is_known_about_pods()
    {
        await _ctl.Core.Programmer.SubmitAsync(new PolicyIntent([(PolicyCtl.Web.ObjectKey, null)]), default);
        Assert.Contains("the cluster has no network policy", await _ctl.FailAsync(
            1, "policy", "try", "--file", _folder.Write("x.yaml", "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, "
                + "metadata: {name: a, namespace: b}, spec: {}}")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: 80", """{"a":80}""")]
    [InlineData("a: \"80\"", """{"a":"80"}""")]
    [InlineData("a: '80'", """{"a":"80"}""")]
    [InlineData("a: -1", """{"a":-1}""")]
    [InlineData("a: 1.5", """{"a":1.5}""")]
    [InlineData("a: 10.0.0.1", """{"a":"10.0.0.1"}""")]
    [InlineData("a: 10.0.0.0/8", """{"a":"10.0.0.0/8"}""")]
    [InlineData("a: fd00::/8", """{"a":"fd00::/8"}""")]
    [InlineData("a: true", """{"a":true}""")]
    [InlineData("a: 'yes'", """{"a":"yes"}""")]
    [InlineData("a: no", """{"a":false}""")]
    [InlineData("a:", """{"a":null}""")]
    [InlineData("a: {}", """{"a":{}}""")]
    [InlineData("a: []\nb: [1, x]", """{"a":[],"b":[1,"x"]}""")]
    [InlineData("80: x", """{"80":"x"}""")]
    [InlineData("a: |\n  x\n  y", """{"a":"x\ny"}""")]
    [InlineData("{\"a\": [\"b\", 1e2, null, \"\\u00e9\"]}", """{"a":["b",100,null,"\u00E9"]}""")]
    public void YAML_values_have_the_types_that_kubectl_gives_them(string yaml, string json) =>
        Assert.Equal(json, Encoding.UTF8.GetString(Assert.Single(YamlJson.Convert(yaml))));

    private Task<string> TryAsync(string policy, params string[] options) =>
        _ctl.RunAsync(["policy", "try", "--file", _folder.Write("policy.yaml", policy), .. options]);

    private void Learned(params LearnedEntry[] flows) => _ctl.Api.Target.Learned!.AddRange(flows);

    private LearnedEntry Flow(
        byte protocol, (string Address, ushort Port) client, (string Address, ushort Port) remote,
        (string Address, ushort Port)? seen = null, bool outside = false, bool isNode = false) =>
        LearnedFlow.Of(_ctl.Api.Target.Pipeline, protocol, client, remote, seen ?? client, outside: outside, isNode: isNode);
}
