using System.Net;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Programming.Felix;
using ACCOffload.InfraManager.Tests.Programming.Policy;
using ACCOffload.InfraManager.Tests.Support;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Api;

/// <summary>Network policy that a 24.01 agent forwards, from its calls to the rows of the target.</summary>
public sealed class AgentPolicyTests : IAsyncLifetime
{
    private const string Profile = "kns.prod";
    private const string Policy = "prod/default.p";
    private const byte Tcp = 6;
    private const int MaxMessageBytes = 64 << 10;

    private readonly FelixWriter _felix = new(FelixDialect.Kinds);
    private CoreHarness _core = null!;
    private ApiFixture _api = null!;
    private ForwardingAgent _agent = null!;

    public async ValueTask InitializeAsync()
    {
        _core = await CoreHarness.StartAsync(
            options: o => o with { TakesFelix = true },
            node: TestNode.Settings with { PodRanges = [IPNetwork.Parse("10.65.0.0/16"), IPNetwork.Parse("10.244.0.0/16")] });
        _api = await ApiFixture.StartAsync(
            core: _core.Programmer, takesPolicy: true, change: a => a with { MaxMessageBytes = MaxMessageBytes });
        _agent = Agent("node-1");
    }

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _core.DisposeAsync();
    }

    // What v24.01's own code makes of these frames differs from them in the order of map entries only: it keeps fields that it does not
    // know.
    [Theory]
    [InlineData("3.29.7")]
    [InlineData("3.32.1")]
    public async Task Captured_messages_end_in_rows_that_equal_the_evaluator(string version)
    {
        var world = new FelixWorld();
        world.Begin();
        var messages = FelixCaptureTests.Start(version, version);
        world.Take([.. messages, .. FelixCapture.Messages(version, "in_sync")]);
        var pods = await RowsAndEvaluator.AttachAsync(_core, world);

        await _agent.StartAsync();
        await _agent.ForwardAsync(messages);
        await InSyncAsync();

        RowsAndEvaluator.AssertSame(_core, world, pods);
    }

    // v24.01's manager reads no action, no excepted block, and no more than 8 rules.
    [Fact]
    public async Task Actions_excepted_blocks_and_any_number_of_rules_are_enforced()
    {
        await AttachAsync(0);
        await _agent.StartAsync();
        await _agent.ForwardAsync(Snapshot(
            FelixWriter.Rule("deny", r => r.Text(4, "10.244.0.5/32")),
            FelixWriter.Rule("allow", r => Port(r.Text(4, "10.244.0.0/24").Text(103, "10.244.0.6/32"), 80))));
        await InSyncAsync();

        Assert.False(Passes(0, from: 5, 80));
        Assert.False(Passes(0, from: 6, 80));
        Assert.True(Passes(0, from: 7, 80));
        Assert.False(Passes(0, from: 7, 81));

        await _agent.ForwardAsync(_felix.Policy(
            Policy, [.. Enumerable.Range(1000, 20).Select(p => FelixWriter.Rule("allow", r => Port(r, (ulong)p)))], []));
        await Eventually.TrueAsync(() => Passes(0, from: 6, 1019), "the last of 20 rules");
        Assert.False(Passes(0, from: 7, 80));
        Assert.False(Passes(0, from: 6, 1020));
    }

    [Fact]
    public async Task Pods_are_closed_until_the_agents_Felix_has_sent_their_endpoints()
    {
        await AttachAsync(0);
        await AttachAsync(1);
        Assert.True(IsClosed(0));

        await _agent.StartAsync();
        var snapshot = Snapshot(FelixWriter.Rule("allow"));
        await _agent.ForwardAsync(snapshot[..^1]);
        Assert.True(IsClosed(0));
        Assert.Equal(FelixState.NotInSync, _api.Felix!.Status.State);
        Assert.False(_core.Programmer.Status.Policy.IsSynced);

        await _agent.ForwardAsync(snapshot[^1]);
        await InSyncAsync();
        Assert.False(IsClosed(0));
        Assert.True(IsClosed(1));
        Assert.Equal(1, _core.Programmer.Status.Policy.Pending);
    }

    [Fact]
    public async Task A_new_agent_changes_nothing_until_its_Felix_has_sent_everything()
    {
        await AttachAsync(0);
        await AttachAsync(1);
        await _agent.StartAsync();
        await _agent.ForwardAsync(
            [_felix.Set("s:a", 2, "10.244.0.5/32"), .. Snapshot(Deny("s:a"), FelixWriter.Rule("allow")), Endpoint(1)]);
        await InSyncAsync();
        Assert.Equal((false, true, false), (Passes(0, from: 5, 80), Passes(0, from: 7, 80), IsClosed(1)));

        var (next, felix) = (Agent("node-1"), new FelixWriter(FelixDialect.Kinds));
        await next.StartAsync();
        Assert.Equal(FelixState.NotInSync, _api.Felix!.Status.State);
        // Felix's first message about a set need not have all members: without what is in force, the denied one would pass.
        await next.ForwardAsync(felix.Set("s:a", 2));
        Assert.Equal((false, true, false), (Passes(0, from: 5, 80), Passes(0, from: 7, 80), IsClosed(1)));

        await next.ForwardAsync([felix.Delta("s:a", ["10.244.0.5/32"], []), .. Snapshot(Deny("s:a"), FelixWriter.Rule("allow"))]);
        await InSyncAsync();
        Assert.Equal((false, true), (Passes(0, from: 5, 80), Passes(0, from: 7, 80)));
        // It has gone while no agent ran.
        Assert.True(IsClosed(1));
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_succeeds_and_is_a_problem_and_the_rest_goes_on()
    {
        await AttachAsync(0);
        await _agent.StartAsync();
        Assert.True((await _agent.CallAsync("ActivePolicyUpdate", [0xff])).Successful);
        Assert.True((await _agent.CallAsync("UpdateLocalEndpoint", [0x0a, 0x7f, 1])).Successful);
        foreach (var (method, _) in ForwardingAgent.All)
        {
            Assert.True((await _agent.CallAsync(method, [])).Successful);
        }

        await _agent.ForwardAsync(Snapshot(FelixWriter.Rule("explode"), FelixWriter.Rule("allow")));
        await InSyncAsync();

        Assert.False(Passes(0, from: 7, 80));
        await Eventually.TrueAsync(() => _api.Felix!.Status.Problems.Any(p => p.Subject == "message 7"), "the problem");
        Assert.Contains(_api.Felix!.Status.Problems, p => p.Subject == "message 11");
    }

    [Fact]
    public async Task After_a_lost_message_nothing_is_taken_until_the_agent_is_restarted()
    {
        await AttachAsync(0);
        await _agent.StartAsync();
        await _agent.ForwardAsync(Snapshot(FelixWriter.Rule("allow")));
        await InSyncAsync();

        await AssertRefusedAsync(StatusCode.ResourceExhausted, () => _agent.CallAsync("UpdateIPSet", new byte[MaxMessageBytes + 1]));
        await Eventually.TrueAsync(() => _api.Felix!.Status.State == FelixState.NoFelix, "the loss");
        Assert.Contains("(UpdateIPSet was not taken, ", _api.Felix!.Status.Absence, StringComparison.Ordinal);
        await AssertRefusedAsync(StatusCode.Aborted, () => _agent.ForwardAsync(_felix.Policy(Policy, [FelixWriter.Rule("deny")], [])));
        Assert.True(Passes(0, from: 7, 80));
        Assert.Single(_api.Log.Matching("A policy message from the agent was lost"));

        await _agent.StartAsync();
        await _agent.ForwardAsync(Snapshot(FelixWriter.Rule("deny")));
        await InSyncAsync();
        Assert.False(Passes(0, from: 7, 80));
    }

    [Fact]
    public async Task Another_nodes_host_is_refused_and_cannot_spoil_this_ones_policy()
    {
        await AttachAsync(0);
        await _agent.StartAsync();
        await _agent.ForwardAsync(Snapshot(FelixWriter.Rule("deny")));
        await InSyncAsync();

        var other = Agent("node-2");
        await AssertRefusedAsync(
            StatusCode.PermissionDenied, () => other.ForwardAsync(_felix.Policy(Policy, [FelixWriter.Rule("allow")], [])));
        await AssertRefusedAsync(StatusCode.ResourceExhausted, () => other.CallAsync("UpdateIPSet", new byte[MaxMessageBytes + 1]));

        Assert.Equal(FelixState.InSync, _api.Felix!.Status.State);
        Assert.False(Passes(0, from: 7, 80));
    }

    // An agent that was there before this service sends changes only: what they change is not known.
    [Fact]
    public async Task An_agent_that_started_earlier_opens_nothing_and_is_named()
    {
        await AttachAsync(0);
        await _agent.ForwardAsync(Snapshot(FelixWriter.Rule("allow")));

        Assert.Equal(FelixState.NoFelix, _api.Felix!.Status.State);
        Assert.Contains("restart the agent", _api.Felix.Status.Absence, StringComparison.Ordinal);
        Assert.Contains(_api.Conditions.Notices, n => n.StartsWith("3 policy messages from the agent have had no effect", StringComparison.Ordinal));
        Assert.True(IsClosed(0));
    }

    private ForwardingAgent Agent(string node)
    {
        var certificate = _api.Pki.IssueHost(node);
        return new ForwardingAgent(() => _api.Connect(certificate));
    }

    private byte[][] Snapshot(params ProtoWriter[] ingress) =>
    [
        _felix.Policy(Policy, ingress, []), _felix.Profile(Profile, [FelixWriter.Rule("allow")], [FelixWriter.Rule("allow")]), Endpoint(0),
    ];

    private byte[] Endpoint(int number) => _felix.Endpoint(
        $"prod/pod-{number}", [$"{TestNode.Ip(number)}/32"], [new FelixTierText("default", "Deny", [Policy], [])], [Profile]);

    private static ProtoWriter Deny(string set) => FelixWriter.Rule("deny", r => r.Text(10, set));

    private static void Port(ProtoWriter rule, ulong port) => rule
        .Message(3, new ProtoWriter().Text(2, "tcp")).Message(7, new ProtoWriter().Number(1, port).Number(2, port));

    private Task<AttachOutcome> AttachAsync(int number) =>
        _core.AttachAsync(TestNode.Pod(number, (ulong)number + 1) with { PodNamespace = "prod" });

    private async Task InSyncAsync()
    {
        await Eventually.TrueAsync(() => _api.Felix!.Status.State == FelixState.InSync, () => $"in sync: {_api.Felix!.Status}");
        await _core.UntilAsync(() => _core.Programmer.Status is { Ready: true, Reconciled: true, PendingEntries: 0 }, "settled");
    }

    private bool Passes(int pod, int from, int port) =>
        new TargetJudge(_core.Target.Rows).Allows(TestNode.Ip(pod), isIngress: true, TestNode.Ip(from), Tcp, (ushort)port);

    private bool IsClosed(int pod)
    {
        var judge = new TargetJudge(_core.Target.Rows);
        return !new[] { true, false }.Any(i => judge.Allows(TestNode.Ip(pod), i, TestNode.Ip(7), Tcp, 80));
    }

    private static async Task AssertRefusedAsync(StatusCode code, Func<Task> call)
    {
        var e = await Assert.ThrowsAsync<RpcException>(call);
        Assert.True(code == e.StatusCode, $"{e.Status}");
    }
}
