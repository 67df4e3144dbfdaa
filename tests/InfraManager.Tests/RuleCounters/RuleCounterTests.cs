using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.CommandLine;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.TestKit.Metrics;

namespace ACCOffload.InfraManager.Tests.RuleCounters;

/// <summary>Packets by rule of policy, with packets on a target: what pods have sent is what ctl, metrics and log say.</summary>
public sealed class RuleCounterTests
{
    private const string Web = "NetworkPolicy shop/web";
    private const string WebSeries =
        """accoffload_policy_rule_packets_total{policy="NetworkPolicy shop/web",rule="ingress[0]",direction="ingress",verdict="allow"}""";

    [Fact]
    public async Task What_pods_send_is_counted_by_rule_through_changes_and_restarts()
    {
        Needs.Tap();
        await using var node = await CountingNode.StartAsync();
        await node.SetAsync(
            new NamespaceRecord("shop", LabelSet.Of([])), PolicyCtl.Pod(1, "web"), PolicyCtl.Pod(2, "client"), PolicyCtl.Pod(3, "other"),
            PolicyCtl.Web);
        await node.AttachAsync(1);
        await node.AttachAsync(2);
        await node.AttachAsync(3);

        node.Send(7, from: 2, to: 1, IpProtocol.Tcp, 8080, passes: true);
        node.Send(5, from: 2, to: 1, IpProtocol.Tcp, 9005, passes: true);
        node.Send(3, from: 2, to: 1, IpProtocol.Tcp, 80, passes: false);
        node.Send(2, from: 3, to: 1, IpProtocol.Tcp, 8080, passes: false);
        node.Send(4, from: 1, to: 2, IpProtocol.Tcp, 8080, passes: true);
        await node.UntilAsync(12, RuleOfWeb, "policy", "shop/pod-1");
        await node.UntilAsync((12, 0), TotalOfWeb, "policy");
        Assert.Contains("allow  ingress[0]  12 packets", await node.CtlAsync("policy", "shop/pod-1"), StringComparison.Ordinal);
        Assert.Contains($"{Web}: 12 allowed", await node.CtlAsync("policy"), StringComparison.Ordinal);
        Assert.Equal(12, (await node.ScrapeAsync())[WebSeries]);

        // Other groups and other classes of ports: the rows of before are gone, and the counters with them.
        await node.SetAsync(PolicyCtl.Web with
        {
            Ingress = [PolicyCtl.Web.Ingress[0], new NetworkPolicyRule([], [new PolicyPort(IpProtocol.Udp, 53)])],
        });
        node.Send(4, from: 2, to: 1, IpProtocol.Tcp, 8080, passes: true);
        node.Send(6, from: 3, to: 1, IpProtocol.Udp, 53, passes: true);
        await node.UntilAsync(4, RuleOfWeb, "policy", "shop/pod-1");
        await node.UntilAsync((22, 0), TotalOfWeb, "policy");
        Assert.Equal(16, (await node.ScrapeAsync())[WebSeries]);

        await node.RestartTargetAsync();
        node.Send(2, from: 2, to: 1, IpProtocol.Tcp, 8080, passes: true);
        await node.UntilAsync((24, 0), TotalOfWeb, "policy");
        Assert.Equal(18, (await node.ScrapeAsync())[WebSeries]);

        // A new process begins at 0, as all its counters do: what the target counted before is not counted twice.
        await node.RestartAsync();
        Assert.Equal(0, (await node.ScrapeAsync())[WebSeries]);
        node.Send(9, from: 2, to: 1, IpProtocol.Tcp, 8080, passes: true);
        await node.UntilAsync((9, 0), TotalOfWeb, "policy");
        Assert.Equal(9, (await node.ScrapeAsync())[WebSeries]);

        if (Promtool.Missing is null)
        {
            Assert.Equal("", await Promtool.CheckAsync((await node.ScrapeAsync()).Text));
        }

        await node.RemoveAsync(PolicyCtl.Web);
        await node.UntilAsync((9, 0), TotalOfWeb, "policy");
        Assert.Equal(9, (await node.ScrapeAsync())[WebSeries]);
    }

    [Fact]
    public async Task Pods_that_share_rows_are_counted_together_and_ctl_says_so()
    {
        Needs.Tap();
        await using var node = await CountingNode.StartAsync();
        await node.SetAsync(
            new NamespaceRecord("shop", LabelSet.Of([])), PolicyCtl.Pod(1, "web"), PolicyCtl.Pod(2, "client"), PolicyCtl.Pod(3, "web"),
            PolicyCtl.Web);
        await node.AttachAsync(1);
        await node.AttachAsync(2);
        Assert.DoesNotContain("all 2 pods", await node.CtlAsync("policy", "shop/pod-1"), StringComparison.Ordinal);
        await node.AttachAsync(3);
        node.Send(3, from: 2, to: 1, IpProtocol.Tcp, 8080, passes: true);
        node.Send(2, from: 2, to: 3, IpProtocol.Tcp, 8080, passes: true);
        await node.UntilAsync(5, RuleOfWeb, "policy", "shop/pod-1");
        var text = await node.CtlAsync("policy", "shop/pod-3");
        Assert.Contains("packets are those of all 2 pods with these rules", text, StringComparison.Ordinal);
        Assert.Contains("allow  ingress[0]  5 packets", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Staged_policies_drop_nothing_and_count_what_they_would_drop()
    {
        Needs.Tap();
        await using var node = await CountingNode.StartAsync(takesFelix: true);
        var felix = new FelixWriter(FelixDialect.Kinds);
        await node.SendAsync(
            felix.Policy("default.next", [FelixWriter.Rule("deny", TcpTo(80))], [], isStaged: true),
            felix.Policy("default.web", [FelixWriter.Rule("allow", TcpTo(80)), FelixWriter.Rule("allow", TcpTo(81))], []),
            felix.Endpoint("shop/pod-1", ["10.244.0.1/32"], [new("default", "Deny", ["staged default.next", "default.web"], [])], ["kns"]),
            felix.Endpoint("shop/pod-2", ["10.244.0.2/32"], [], ["kns"]),
            felix.Profile("kns", [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
            felix.InSync());
        await node.AttachAsync(1);
        await node.AttachAsync(2);
        node.Send(6, from: 2, to: 1, IpProtocol.Tcp, 80, passes: true);
        node.Send(3, from: 2, to: 1, IpProtocol.Tcp, 81, passes: true);
        node.Send(2, from: 2, to: 1, IpProtocol.Tcp, 82, passes: false);

        await node.UntilAsync(
            6, json => (int)json["ingress"]!["tiers"]![0]!["policies"]![0]!["rules"]![0]!["packets"]!["count"]!, "policy", "shop/pod-1");
        await node.UntilAsync(
            (9, 6),
            json => (Total(json, "GlobalNetworkPolicy default.web", "allowed"),
                Total(json, "StagedGlobalNetworkPolicy default.next", "wouldDrop")),
            "policy");
        Assert.Contains("deny  ingress[0]  would drop 6 packets", await node.CtlAsync("policy", "shop/pod-1"), StringComparison.Ordinal);
        var scrape = await node.ScrapeAsync();
        Assert.Equal(
            6,
            scrape["""accoffload_policy_staged_packets_total{policy="StagedGlobalNetworkPolicy default.next",rule="ingress[0]","""
                + """direction="ingress"}"""]);
        Assert.Equal(
            6,
            scrape["""accoffload_policy_rule_packets_total{policy="GlobalNetworkPolicy default.web",rule="ingress[0]","""
                + """direction="ingress",verdict="allow"}"""]);
    }

    [Fact]
    public async Task A_rule_that_logs_is_in_the_log_with_the_packets_that_it_decided_about()
    {
        Needs.Tap();
        await using var node = await CountingNode.StartAsync(takesFelix: true);
        var felix = new FelixWriter(FelixDialect.Names);
        await node.SendAsync(
            felix.Policy(
                "default.web",
                [FelixWriter.Rule("log", TcpTo(80)), FelixWriter.Rule("deny", TcpTo(80)), FelixWriter.Rule("allow", TcpTo(81))], []),
            felix.Endpoint("shop/pod-1", ["10.244.0.1/32"], [new("default", "Deny", ["default.web"], [])], []),
            felix.Endpoint("shop/pod-2", ["10.244.0.2/32"], [], ["kns"]),
            felix.Profile("kns", [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]),
            felix.InSync());
        await node.AttachAsync(1);
        await node.AttachAsync(2);
        node.Send(8, from: 2, to: 1, IpProtocol.Tcp, 80, passes: false);
        node.Send(5, from: 2, to: 1, IpProtocol.Tcp, 81, passes: true);
        await node.UntilAsync((5, 8), json => (Total(json, "policy default.web", "allowed"), Total(json, "policy default.web", "denied")),
            "policy");
        var line = Assert.Single(node.Log.Matching("Policy log:"));
        Assert.Contains("Information Policy: Policy log: ingress denied, 8 packets by policy default.web ingress[1] in ", line,
            StringComparison.Ordinal);
    }

    private static Action<State.Policy.Felix.Wire.ProtoWriter> TcpTo(ulong port) => rule =>
    {
        // felixbackend.proto: Rule.protocol (Protocol.name), Rule.dst_ports (PortRange).
        rule.Message(3, new State.Policy.Felix.Wire.ProtoWriter().Text(2, "tcp"));
        rule.Message(7, new State.Policy.Felix.Wire.ProtoWriter().Number(1, port).Number(2, port));
    };

    private static int RuleOfWeb(JsonNode json) =>
        (int)json["ingress"]!["tiers"]![0]!["policies"]![0]!["rules"]![0]!["packets"]!["count"]!;

    private static (int Allowed, int Denied) TotalOfWeb(JsonNode json) => (Total(json, Web, "allowed"), Total(json, Web, "denied"));

    private static int Total(JsonNode json, string policy, string what) =>
        (int?)json["packets"]!.AsArray().FirstOrDefault(p => (string?)p!["policy"] == policy)?[what] ?? 0;
}
