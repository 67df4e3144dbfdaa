using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.CommandLine.Ctl;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.Support;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.CommandLine;

/// <summary>What operators ask about the policy in force.</summary>
public sealed class CtlPolicyTests : IAsyncLifetime
{
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync() => _ctl = await PolicyCtl.StartAsync();

    public async ValueTask DisposeAsync() => await _ctl.DisposeAsync();

    [Fact]
    public async Task The_summary_counts_objects_pods_and_rows()
    {
        await _ctl.SetAsync(PolicyCtl.Web);
        var text = await _ctl.RunAsync("policy");
        Assert.Contains("source           kubernetes", text, StringComparison.Ordinal);
        Assert.Contains("1 Namespace, 3 Pod, 1 NetworkPolicy, 0 ClusterNetworkPolicy, 0 Node", text, StringComparison.Ordinal);
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "--json"))!;
        Assert.Equal(
            (true, false, 1, 0, 1),
            ((bool)json["synced"]!, (bool)json["fenced"]!, (int)json["isolatedPods"]!, (int)json["closedPods"]!, (int)json["sets"]!));
        foreach (var table in new[] { "verdicts", "egress_groups", "ingress_groups", "peers", "nets", "ports", "port_ranges" })
        {
            Assert.Equal(_ctl.Core.Target.Rows.Count(r => r.Table.Alias == table), (int)json["rows"]![table]!);
        }
    }

    [Fact]
    public async Task A_pod_shows_its_tiers_policies_and_rules_in_order()
    {
        await _ctl.SetAsync(
            PolicyCtl.Web,
            new NetworkPolicyRecord("shop", "also", PolicyCtl.Selector("web"), [], [], ["Ingress"]),
            new ClusterPolicyRecord(
                "guard", false, 5, LabelSelector.All, PolicyCtl.Selector("web"),
                [
                    new ClusterPolicyRule(
                        "no-scans", PolicyAction.Deny, [new PolicyPeer { Nets = [PolicyNet.Parse("203.0.113.0/24")] }], []),
                ],
                []));
        var text = await _ctl.RunAsync("policy", "shop/pod-1");
        var set = _ctl.Core.Target.Rows.Single(r => r.Action.Alias == "to_isolated_pod").EnumerateParams()
            .Single(p => p.Param.Name == "ingress_set").ToValueString();
        Assert.Equal(
            $"""
            shop/pod-1  10.244.0.1  programmed
            ingress: judged by set {set}
              tier Admin
                ClusterNetworkPolicy guard
                  deny  ingress[0] no-scans  0 packets
                    from 203.0.113.0/24
                otherwise: pass
              tier NetworkPolicy
                NetworkPolicy shop/also
                NetworkPolicy shop/web
                  allow  ingress[0]  0 packets
                    from pods app In (client) of shop; TCP 9000-9010, port http of protocol 6
                otherwise: deny  0 packets
              after all tiers: allow
            egress: open: no policy selects the pod

            """, text);
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "shop/pod-1", "--json"))!;
        Assert.Equal("NetworkPolicy shop/web ingress[0]", (string?)json["ingress"]!["tiers"]![1]!["policies"]![1]!["rules"]![0]!["name"]);
        Assert.Equal(("open", 0), ((string?)json["egress"]!["state"], (int)json["egress"]!["set"]!));
    }

    [Fact]
    public async Task A_pod_with_many_rules_gets_a_bounded_answer_that_says_so()
    {
        var rules = Enumerable.Range(0, 400).Select(
            i => new NetworkPolicyRule([], [new PolicyPort(IpProtocol.Tcp, (ushort)(1000 + (2 * i)))]));
        await _ctl.SetAsync(PolicyCtl.Web with { Ingress = [.. rules] });
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "shop/pod-1", "--json"))!["ingress"]!;
        var shown = json["tiers"]![0]!["policies"]![0]!["rules"]!.AsArray().Count;
        Assert.InRange(shown, 1, 399);
        Assert.Equal(400, shown + (int)json["rulesLeftOut"]!);
    }

    [Fact]
    public async Task A_pod_that_the_cluster_does_not_know_is_closed_and_says_why()
    {
        await _ctl.SetAsync(PolicyCtl.Web);
        await _ctl.Core.AttachAsync(TestNode.Pod(9, 3) with { PodNamespace = "shop", PodUid = "uid-9" });
        Assert.Contains("ingress: CLOSED: the API server has not reported this pod yet", await _ctl.RunAsync("policy", "shop/pod-9"),
            StringComparison.Ordinal);
        var text = await _ctl.RunAsync("policy", "why", "shop/pod-9", "203.0.113.9", "udp/53");
        Assert.StartsWith("DENIED: shop/pod-9", text, StringComparison.Ordinal);
        Assert.Contains("closed: the API server has not reported this pod yet", text, StringComparison.Ordinal);
        await _ctl.SetAsync(PolicyCtl.Pod(9, "other") with { Uid = "uid-new" });
        Assert.Contains(
            "UID uid-new, and the attachment is of uid-9", await _ctl.RunAsync("policy", "shop/pod-9"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pods_are_closed_until_the_policies_are_listed()
    {
        await using var ctl = await PolicyCtl.StartAsync(isSynced: false);
        var text = await ctl.RunAsync("policy", "shop/pod-1");
        Assert.Contains("egress: CLOSED: the cluster's policies have not been listed yet", text, StringComparison.Ordinal);
        Assert.Contains("not known yet", await ctl.RunAsync("policy"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_fence_is_named()
    {
        _ctl.Core.Target.Refuses =
            u => u.Entry.Table.Alias is "verdicts" or "ingress_groups" ? StatusCode.ResourceExhausted : StatusCode.OK;
        await _ctl.SetAsync(PolicyCtl.Web);
        Assert.Contains("ingress: CLOSED: the target's rows differ", await _ctl.RunAsync("policy", "shop/pod-1"), StringComparison.Ordinal);
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "--json"))!;
        Assert.True((bool)json["fenced"]!);
        _ctl.Core.Target.Refuses = _ => StatusCode.OK;
    }

    [Theory]
    [InlineData("shop/pod-2", "tcp/8080", true, "NetworkPolicy shop/web ingress[0]")]
    [InlineData("10.244.0.2", "tcp/9005", true, "NetworkPolicy shop/web ingress[0]")]
    [InlineData("shop/pod-3", "tcp/9010", true, "NetworkPolicy shop/web ingress[0]")]
    [InlineData("shop/pod-2", "tcp/80", false, "no rule allows it")]
    [InlineData("shop/pod-2", "udp/8080", false, "no rule allows it")]
    [InlineData("shop/pod-2", "icmp", false, "no rule allows it")]
    [InlineData("203.0.113.9", "tcp/8080", false, "no rule allows it")]
    [InlineData("10.244.0.77", "tcp/8080", false, "no rule allows it")]
    public async Task Why_names_the_deciding_rule(string source, string packet, bool isAllowed, string rule)
    {
        await _ctl.SetAsync(PolicyCtl.Web);
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "why", source, "shop/pod-1", packet, "--json"))!;
        Assert.Equal(isAllowed, (bool)json["allowed"]!);
        Assert.Empty((string)json["disagreement"]!);
        var ingress = json["verdicts"]!.AsArray().Single(v => (string?)v!["direction"] == "ingress")!;
        Assert.Equal((isAllowed, rule), ((bool)ingress["allowed"]!, (string?)ingress["rule"]));
        Assert.Equal(isAllowed ? [] : ["NetworkPolicy shop/web"], ingress["isolatedBy"]!.AsArray().Select(p => (string)p!));
    }

    [Fact]
    public async Task Why_says_what_it_cannot_judge()
    {
        await _ctl.SetAsync(PolicyCtl.Web);
        Assert.Contains("egress of shop/pod-3 is judged on its own node, node-2", await _ctl.RunAsync(
            "policy", "why", "shop/pod-3", "shop/pod-1", "tcp/8080"), StringComparison.Ordinal);
        Assert.Contains("no pod with it is known", await _ctl.RunAsync(
            "policy", "why", "10.244.0.77", "shop/pod-1", "tcp/8080"), StringComparison.Ordinal);
        var fromNode = await _ctl.RunAsync("policy", "why", "192.0.2.10", "shop/pod-1", "tcp/1");
        Assert.StartsWith("allowed: 192.0.2.10 (node)", fromNode, StringComparison.Ordinal);
        Assert.Contains("the node always reaches its own pods", fromNode, StringComparison.Ordinal);
        Assert.Contains("traffic to itself is not judged", await _ctl.RunAsync(
            "policy", "why", "shop/pod-1", "shop/pod-1", "tcp/1"), StringComparison.Ordinal);
        Assert.Contains("destination: neither end is a pod of this node", await _ctl.FailAsync(
            1, "policy", "why", "shop/pod-3", "203.0.113.9", "tcp/1"), StringComparison.Ordinal);
        Assert.Contains("source: no pod shop/nobody", await _ctl.FailAsync(
            1, "policy", "why", "shop/nobody", "shop/pod-1", "tcp/1"), StringComparison.Ordinal);
        Assert.Contains("source: \"nobody\"", await _ctl.FailAsync(
            1, "policy", "why", "nobody", "shop/pod-1", "tcp/1"), StringComparison.Ordinal);
        Assert.Contains("pod shop/pod-3 is on node node-2", await _ctl.FailAsync(1, "policy", "shop/pod-3"), StringComparison.Ordinal);
        Assert.Contains("is not NAMESPACE/POD", await _ctl.FailAsync(2, "policy", "pod-3"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_names_the_node_that_has_an_address()
    {
        await _ctl.SetAsync(
            new NodeRecord("node-2", LabelSet.Of([new("zone", "b")]), [PolicyAddress.Parse("192.0.2.11")]),
            new ClusterPolicyRecord(
                "guard", false, 5, LabelSelector.All, PolicyCtl.Selector("client"), [],
                [
                    new ClusterPolicyRule(
                        "no-nodes", PolicyAction.Deny,
                        [new PolicyPeer { Nodes = new LabelSelector([new LabelRequirement("zone", LabelOperator.In, ["b"])]) }], []),
                ]));
        var output = await _ctl.RunAsync("policy", "why", "shop/pod-2", "192.0.2.11", "tcp/22");
        Assert.StartsWith(
            "DENIED: shop/pod-2 (10.244.0.2, local pod) to 192.0.2.11 (address of node node-2)", output, StringComparison.Ordinal);
        Assert.Contains("ClusterNetworkPolicy guard egress[0] no-nodes", output, StringComparison.Ordinal);
        Assert.StartsWith("allowed: ", await _ctl.RunAsync(
            "policy", "why", "shop/pod-2", "192.0.2.12", "tcp/22"), StringComparison.Ordinal);
        Assert.Contains("to nodes zone In (b)", await _ctl.RunAsync("policy", "shop/pod-2"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_address_is_refused_with_its_backends()
    {
        var spec = TestService.Of(1, TestService.Pod(1), TestService.Remote(2));
        await _ctl.Core.SetAsync(spec);
        var message = await _ctl.FailAsync(1, "policy", "why", "shop/pod-2", TestService.Virtual(1).ToString(), "tcp/80");
        Assert.Contains("policy judges the backend that is chosen", message, StringComparison.Ordinal);
        foreach (var backend in spec.Ports[0].Backends)
        {
            Assert.Contains($"{backend.Address} tcp/{backend.Port}", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_time_of_a_change_is_measured()
    {
        var measured = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Name == ManagerFamilies.PolicySeconds.Name)
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, _, _) =>
        {
            Assert.InRange(value, 0, 600);
            Interlocked.Increment(ref measured);
        });
        listener.Start();
        await _ctl.SetAsync(PolicyCtl.Web);
        Assert.True(Volatile.Read(ref measured) > 0);
    }

    [Theory]
    [InlineData("tcp/80", 6, 80)]
    [InlineData("UDP/53", 17, 53)]
    [InlineData("sctp/0", 132, 0)]
    [InlineData("6/443", 6, 443)]
    [InlineData("icmp", 1, 0x0800)]
    [InlineData("icmp/3/4", 1, 0x0304)]
    [InlineData("icmpv6", 58, 0x8000)]
    [InlineData("icmpv6/1", 58, 0x0100)]
    [InlineData("47", 47, 0)]
    public void Packets_are_written_as_protocol_and_port(string text, int protocol, int port) =>
        Assert.Equal(((byte)protocol, (ushort)port), PolicyCommands.Packet(text));

    [Theory]
    [InlineData("tcp")]
    [InlineData("tcp/65536")]
    [InlineData("tcp/80/1")]
    [InlineData("icmp/256")]
    [InlineData("icmp/1/2/3")]
    [InlineData("47/1")]
    [InlineData("256")]
    [InlineData("")]
    [InlineData("tcp/-1")]
    public void Other_packets_are_refused(string text) => Assert.Throws<CtlException>(() => PolicyCommands.Packet(text));
}
