using System.Text.Json.Nodes;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.Tests.CommandLine;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Session;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.RuleCounters;

/// <summary>Targets that cannot count, or fail, and what the programmer tells about rows that are about to go.</summary>
public sealed class UncountedTargetTests : IAsyncLifetime
{
    private PolicyCtl _ctl = null!;

    public async ValueTask InitializeAsync()
    {
        _ctl = await PolicyCtl.StartAsync();
        await _ctl.SetAsync(PolicyCtl.Web);
    }

    public async ValueTask DisposeAsync() => await _ctl.DisposeAsync();

    [Fact]
    public async Task A_target_whose_counters_cannot_be_read_is_named_by_ctl_and_once_in_the_log()
    {
        // As P4Target says for infrap4d with P4-DPDK, which reports no counters of packets only.
        _ctl.Api.Target.NoRowCounters = new P4RuntimeException(
            StatusCode.Unimplemented, "the counters of table verdicts are not available on this target (p4-dpdk)");
        for (var i = 0; i < 3; i++)
        {
            Assert.Contains(
                "packets: not counted by this target: the counters of table verdicts are not available on this target (p4-dpdk)",
                await _ctl.RunAsync("policy", "shop/pod-1"), StringComparison.Ordinal);
            Assert.Contains("not counted by this target", await _ctl.RunAsync("policy"), StringComparison.Ordinal);
        }

        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "shop/pod-1", "--json"))!;
        Assert.StartsWith("not counted by this target", (string?)json["countingProblem"], StringComparison.Ordinal);
        Assert.Null(json["ingress"]!["tiers"]![0]!["policies"]![0]!["rules"]![0]!["packets"]);
        var line = Assert.Single(_ctl.Api.Log.Matching("Packets by policy rule"));
        Assert.StartsWith("Information Policy: ", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reading_that_fails_keeps_what_was_counted_and_says_so()
    {
        var row = _ctl.Core.Target.Rows.First(r => r.Table.Alias == "verdicts" && r.Action.Alias == "allow");
        _ctl.Api.Target.RowCounters.Add(new RowCounter(row.Key, 40, 0));
        Assert.Contains("NetworkPolicy shop/web: 40 allowed", await _ctl.RunAsync("policy"), StringComparison.Ordinal);
        _ctl.Api.Target.NoRowCounters = new P4RuntimeException(StatusCode.Unavailable, "reading table verdicts failed: it is away");
        await Eventually.TrueAsync(
            async () => (string?)JsonNode.Parse(await _ctl.RunAsync("policy", "--json"))!["countingProblem"]
                == "reading table verdicts failed: it is away",
            "the failure is shown");
        var json = JsonNode.Parse(await _ctl.RunAsync("policy", "--json"))!;
        Assert.Equal(40, (int)json["packets"]!.AsArray().Single(p => (string?)p!["policy"] == "NetworkPolicy shop/web")!["allowed"]!);
        Assert.Single(_ctl.Api.Log.Matching("cannot be read from the target"));

        _ctl.Api.Target.NoRowCounters = null;
        await Eventually.TrueAsync(
            async () => ((string?)JsonNode.Parse(await _ctl.RunAsync("policy", "--json"))!["countingProblem"])!.Length == 0,
            "the target is read again");
    }

    [Fact]
    public async Task Rows_that_are_about_to_go_are_announced_while_they_are_there()
    {
        var announced = new List<int>();
        _ctl.Core.Programmer.VerdictsLeaving += () => announced.Add(_ctl.Core.Target.Rows.Count(r => r.Table.Alias == "verdicts"));
        // Adds rows only.
        await _ctl.SetAsync(PolicyCtl.Pod(4, "web", "node-2"));
        Assert.Empty(announced);
        var before = _ctl.Core.Target.Rows.Count(r => r.Table.Alias == "verdicts");
        await _ctl.Core.Programmer.SubmitAsync(new PolicyIntent([(PolicyCtl.Web.ObjectKey, null)]), default);
        Assert.Equal([before], announced);
        Assert.DoesNotContain(_ctl.Core.Target.Rows, r => r.Table.Alias == "verdicts");
    }

    [Fact]
    public async Task A_policy_with_more_rows_than_are_counted_says_which_rules_are_not()
    {
        await using var ctl = await PolicyCtl.StartAsync(o => o with { CountedRows = 0 });
        var anyPort = new NetworkPolicyRule([new PolicyPeer { Pods = PolicyCtl.Selector("ops") }], []);
        await ctl.SetAsync(
            PolicyCtl.Web,
            new NetworkPolicyRecord("shop", "all", PolicyCtl.Selector("web"), [anyPort], [], ["Ingress"]),
            PolicyCtl.Pod(5, "ops", "node-2"));
        var text = await ctl.RunAsync("policy", "shop/pod-1");
        Assert.Contains("otherwise: deny  packets not counted", text, StringComparison.Ordinal);
        Assert.Contains("allow  ingress[0]  packets not counted", text, StringComparison.Ordinal);
        Assert.Contains("allow  ingress[0]  0 packets", text, StringComparison.Ordinal);
    }
}
