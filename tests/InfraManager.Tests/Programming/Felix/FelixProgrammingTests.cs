using System.Net;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Policy;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.Tests.Felix;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Programming.Felix;

/// <summary>Felix's policy on the target, row by row.</summary>
public class FelixProgrammingTests
{
    private const string Pod = "prod/pod-0";

    private static readonly OraclePolicy AllowAll = new(false, [new("allow", "", 0)], [new("allow", "", 0)]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Each_packet_is_judged_as_before_a_message_or_as_after_it(int seed)
    {
        await using var scenario = await FelixScenario.StartAsync(seed);
        for (var i = 0; i < 60; i++)
        {
            await (i % 4 == 3 ? scenario.ChangePodsAsync() : scenario.ChangeAsync());
            scenario.Verify();
            await scenario.SettleAsync();
        }

        Assert.Equal("in sync", $"{scenario.Status}");
        Assert.True(scenario.Judged > 20_000, $"{scenario.Judged} packets");
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task A_new_Felix_that_sends_the_same_changes_no_row_and_a_lost_one_neither(int seed)
    {
        await using var scenario = await FelixScenario.StartAsync(seed);
        for (var i = 0; i < 10; i++)
        {
            await scenario.ChangeAsync();
            await scenario.SettleAsync();
            var writes = scenario.Core.Target.Writes;
            await scenario.DisconnectAsync();
            await scenario.SettleAsync();
            Assert.Equal("no Felix", $"{scenario.Status}");

            await scenario.ConnectAsync();
            await scenario.SettleAsync();
            Assert.Equal(writes, scenario.Core.Target.Writes);
        }
    }

    [Fact]
    public async Task A_Felix_that_dies_before_it_is_in_sync_changes_nothing()
    {
        await using var scenario = await FelixScenario.StartAsync(21);
        var writes = scenario.Core.Target.Writes;
        await scenario.DisconnectAsync();
        await scenario.ConnectAsync(isWhole: false);
        Assert.Equal("not in sync", $"{scenario.Status}");
        await scenario.DisconnectAsync();
        await scenario.SettleAsync();
        Assert.Equal(writes, scenario.Core.Target.Writes);

        await scenario.ConnectAsync();
        await scenario.ChangeAsync();
        await scenario.SettleAsync();
    }

    [Theory]
    [InlineData(31)]
    [InlineData(32)]
    public async Task After_a_restart_pods_are_closed_until_a_Felix_is_in_sync_and_the_rows_of_policy_stay(int seed)
    {
        await using var scenario = await FelixScenario.StartAsync(seed);
        scenario.MayClose = true;
        for (var i = 0; i < 5; i++)
        {
            await scenario.ChangeAsync();
            await scenario.SettleAsync();
            var rows = scenario.PolicyRows;
            await scenario.Core.KillAsync();
            await scenario.DisconnectAsync();
            scenario.Core.Target.ClearLog();
            await scenario.Core.RestartAsync();
            Assert.All(scenario.Attached, p => Assert.True(scenario.IsClosed(p), p));
            Assert.Equal(rows, scenario.PolicyRows);
            // What waits for Felix is not left to write: the tables are verified without it.
            Assert.True(scenario.Core.Programmer.Status is { Policy.IsSynced: false, Reconciled: true, PendingEntries: 0 });
            Assert.Equal(2, scenario.Core.Programmer.Status.Policy.Pending);

            await scenario.ConnectAsync();
            await scenario.SettleAsync();
            Assert.DoesNotContain(scenario.Core.Target.Log, u => FelixScenario.IsOfPolicy(u.Entry));
        }
    }

    [Fact]
    public async Task A_target_that_restarts_gets_all_rows_with_a_Felix_and_without()
    {
        await using var scenario = await FelixScenario.StartAsync(41);
        scenario.MayClose = true;
        scenario.Core.Target.Restart();
        await scenario.SettleAsync();
        await scenario.DisconnectAsync();
        scenario.Core.Target.Restart();
        await scenario.SettleAsync();
    }

    [Fact]
    public async Task A_target_that_refuses_rows_keeps_pods_closed_until_it_takes_them()
    {
        await using var scenario = await FelixScenario.StartAsync(42);
        scenario.MayClose = true;
        scenario.Core.Target.Refuses = u =>
            u.Kind != UpdateKind.Delete && u.Entry.Table.Alias is "ingress_groups" or "egress_groups" or "verdicts"
                ? StatusCode.ResourceExhausted
                : StatusCode.OK;
        for (var i = 0; i < 30 && !scenario.Core.Programmer.Status.Policy.IsFenced; i++)
        {
            await scenario.ChangeAsync();
            scenario.Verify();
        }

        Assert.True(scenario.Core.Programmer.Status.Policy.IsFenced);
        Assert.All(scenario.Attached, p => Assert.True(scenario.IsClosed(p), p));
        scenario.Core.Target.Refuses = _ => StatusCode.OK;
        await scenario.SettleAsync();
        Assert.False(scenario.Core.Programmer.Status.Policy.IsFenced);
    }

    [Theory]
    [InlineData(51)]
    [InlineData(52)]
    public async Task What_Felix_does_not_allow_never_passes_whatever_fails(int seed)
    {
        var random = new Random(seed);
        await using var scenario = await FelixScenario.StartAsync(seed);
        scenario.MayClose = true;
        TargetFault[] faults =
        [
            TargetFault.LoseReply, TargetFault.LoseRequest, TargetFault.ApplyHalf, TargetFault.RefuseSome, TargetFault.Flap,
            TargetFault.Ambiguous,
        ];
        for (var i = 0; i < 30; i++)
        {
            var at = random.Next(4);
            var fault = faults[random.Next(faults.Length)];
            scenario.Core.Target.NextFault = () => at-- == 0 ? fault : TargetFault.None;
            await scenario.ChangeAsync();
            scenario.Core.Target.NextFault = () => TargetFault.None;
            await scenario.SettleAsync();
        }
    }

    [Theory]
    [InlineData(61)]
    [InlineData(62)]
    public async Task What_Felix_does_not_allow_never_passes_when_the_process_is_killed(int seed)
    {
        var random = new Random(seed);
        await using var scenario = await FelixScenario.StartAsync(seed);
        scenario.MayClose = true;
        for (var i = 0; i < 25; i++)
        {
            var at = random.Next(10);
            scenario.Core.Hook = _ =>
            {
                if (at-- == 0)
                {
                    throw new SimulatedCrashException();
                }
            };
            await scenario.ChangeAsync();
            await scenario.RecoverAsync();
        }
    }

    [Fact]
    public async Task A_pod_that_is_made_again_with_another_address_is_closed_until_Felix_has_the_new_one()
    {
        await using var scenario = await FelixScenario.StartAsync(71);
        await scenario.SetAsync("default.p1", AllowAll);
        var felix = new OraclePod(TestNode.Ip(0), [new("default", false, ["default.p1"])], false);
        await scenario.SetAsync(Pod, felix);
        await scenario.SettleAsync();
        Assert.False(scenario.IsClosed(Pod));

        await scenario.DetachAsync(0);
        await scenario.AttachAsync(0, address: 30);
        Assert.True(scenario.IsClosed(Pod));
        Assert.Equal(1, scenario.Core.Programmer.Status.Policy.Pending);

        // Felix has the new pod, and its policy is not known yet: it does not get that of the former one.
        await scenario.SendAsync(new FelixWriter(FelixDialect.Kinds).Endpoint(Pod, [$"{TestNode.Ip(30)}/32"], [], ["nowhere"]));
        Assert.True(scenario.IsClosed(Pod));
        var problem = await scenario.ProblemAsync($"endpoint {Pod}");
        Assert.Contains("nowhere", problem.Reason, StringComparison.Ordinal);

        await scenario.SetAsync(Pod, felix with { Address = TestNode.Ip(30) });
        await scenario.SettleAsync();
        Assert.False(scenario.IsClosed(Pod));
        Assert.Equal(0, scenario.Core.Programmer.Status.Policy.Pending);
    }

    [Theory]
    [InlineData("3.29.7", "3.29.7")]
    [InlineData("3.32.1", "3.32.1")]
    public async Task Captured_frames_end_in_rows_of_the_target_that_equal_the_evaluator(string version, string sets)
    {
        var world = new FelixWorld();
        world.Begin();
        byte[][] frames = [.. FelixCaptureTests.Start(version, sets), .. FelixCapture.Messages(sets, "in_sync")];
        world.Take(frames);
        await using var core = await CoreHarness.StartAsync(
            options: o => o with { TakesFelix = true }, node: TestNode.Settings with { PodRanges = [IPNetwork.Parse("10.65.0.0/16")] });
        using var stream = new TwoWayStream(new MemoryStream([.. frames.SelectMany(m => FelixFrames.Encode(m))]));
        using var session = new FelixSession(stream, core.Programmer.SubmitAsync, TimeProvider.System, NullLogger.Instance);
        var pods = await RowsAndEvaluator.AttachAsync(core, world);
        await session.RunAsync(CancellationToken.None);
        await core.UntilAsync(() => core.Programmer.Status is { Ready: true, Reconciled: true }, "settled");
        RowsAndEvaluator.AssertSame(core, world, pods);
    }

    [Fact]
    public async Task A_pod_whose_addresses_differ_from_Felixs_is_a_problem_with_its_name()
    {
        await using var scenario = await FelixScenario.StartAsync(72);
        await scenario.SetAsync(Pod, scenario.Pod(Pod) with { Address = TestNode.Ip(40) });
        Assert.True(scenario.IsClosed(Pod));
        var problem = await scenario.ProblemAsync($"endpoint {Pod}");
        Assert.Contains("10.244.0.40", problem.Reason, StringComparison.Ordinal);
        Assert.Contains("10.244.0.0", problem.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policies_of_a_former_source_are_not_in_force_after_the_source_has_changed()
    {
        await using var scenario = await FelixScenario.StartAsync(81);
        scenario.MayClose = true;
        await scenario.DisconnectAsync();
        var core = scenario.Core;
        core.Target.Applied = null;

        // From Felix to the API server: all is closed until its policies have been listed, and then only they count.
        core.Options = core.Options with { TakesFelix = false, WatchesPolicy = true };
        await core.RestartAsync();
        Assert.All(scenario.Attached, p => Assert.True(scenario.IsClosed(p), p));
        var pods = scenario.Attached.Select((p, i) => new PodRecord(
            p.Split('/')[0], p.Split('/')[1], LabelSet.Of([]), [PolicyAddress.Of(TestNode.Ip(p[^1] - '0'))], [])
        {
            Uid = core.Programmer.Endpoints.Single(e => PolicyBindings.KeyOf(e.Endpoint.Spec) == p).Endpoint.Spec.PodUid,
            Node = "node-1",
        }).ToList();
        await core.Programmer.SubmitAsync(
            new PolicyIntent([.. pods.Select(p => (p.ObjectKey, (PolicyObject?)p))]) { IsSynced = true }, default);
        await core.SettledAsync();
        Assert.All(scenario.Attached, p => Assert.False(scenario.IsClosed(p), p));
        Assert.Equal(0, scenario.PolicyRows);

        // Back to Felix: nothing of the API server's is left, and all is closed until Felix is in sync.
        core.Options = core.Options with { TakesFelix = true, WatchesPolicy = false };
        await core.RestartAsync();
        Assert.All(scenario.Attached, p => Assert.True(scenario.IsClosed(p), p));
        await scenario.ConnectAsync();
        await scenario.SettleAsync();

        // And off: nothing is judged.
        await scenario.DisconnectAsync();
        core.Options = core.Options with { TakesFelix = false };
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.All(scenario.Attached, p => Assert.False(scenario.IsClosed(p), p));
        Assert.Equal(0, scenario.PolicyRows);
    }
}
