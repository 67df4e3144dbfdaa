using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Programming.Policy;

/// <summary>Policy on the target, row by row.</summary>
public class PolicyProgrammingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Each_packet_is_judged_as_before_a_change_or_as_after_it(int seed)
    {
        await using var scenario = await PolicyScenario.StartAsync(seed);
        for (var i = 0; i < 60; i++)
        {
            await scenario.ChangeAsync();
            scenario.Verify();
            await scenario.SettleAsync();
        }

        Assert.True(scenario.Judged > 20_000, $"{scenario.Judged} packets");
    }

    [Theory]
    [InlineData(true, "isolated_pod_port")]
    [InlineData(false, "pod_port")]
    public async Task Pods_are_closed_until_the_policies_are_known_if_there_is_a_cluster(bool isAwaited, string action)
    {
        await using var core = await CoreHarness.StartAsync(options: o => o with { WatchesPolicy = true, AwaitsPolicy = isAwaited });
        await core.AttachAsync(TestNode.Pod(1, 1) with { PodNamespace = "x" });
        Assert.Equal(action, core.Target.Rows.Single(r => r.Table.Alias == "port_class").Action.Alias);
        Assert.Equal(isAwaited ? 1 : 0, core.Programmer.Status.Policy.Pending);
        await core.Programmer.SubmitAsync(new PolicyIntent([]) { IsSynced = true }, default);
        Assert.Equal("pod_port", core.Target.Rows.Single(r => r.Table.Alias == "port_class").Action.Alias);
        Assert.Equal(0, core.Programmer.Status.Policy.Pending);
    }

    [Fact]
    public async Task Isolated_pods_are_closed_before_an_interrupted_change_goes_on()
    {
        var interrupted = 0;
        for (var seed = 51; seed < 55; seed++)
        {
            await using var scenario = await PolicyScenario.StartAsync(seed);
            scenario.MayClose = true;
            for (var i = 0; i < 30; i++)
            {
                scenario.Core.Hook = p =>
                {
                    if (p == CrashPoint.AfterWrite)
                    {
                        scenario.Core.Target.ClearLog();
                        throw new SimulatedCrashException();
                    }
                };
                await scenario.ChangeAsync();
                await scenario.RecoverAsync();
                var log = scenario.Core.Target.Log;
                var first = log.Select((u, n) => (u, n)).FirstOrDefault(x => IsOfPolicy(x.u.Entry)).n;
                var isolated = scenario.Core.Target.Rows.Any(r => r.Action.Alias == "isolated_pod_port");
                if (isolated && log.Any(u => IsOfPolicy(u.Entry)))
                {
                    interrupted++;
                    Assert.Contains(log.Take(first), u => $"{u.Entry}".Contains("_set=4294967294", StringComparison.Ordinal));
                }
            }
        }

        Assert.True(interrupted > 5, $"{interrupted} interrupted changes");

        static bool IsOfPolicy(Entry entry) => entry.Table.Alias is "verdicts" or "egress_groups" or "ingress_groups" or "peers" or "nets"
            or "ports" or "port_ranges";
    }

    [Fact]
    public async Task A_target_without_room_keeps_isolated_pods_closed_and_says_so()
    {
        await using var scenario = await PolicyScenario.StartAsync(41);
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
        var condition = PolicyCondition.Of(scenario.Core.Programmer.Status.Policy, "", TestNode.Settings.Profile);
        Assert.Equal((ConditionNames.Policy, false), (condition.Name, condition.Ok));
        scenario.Core.Target.Refuses = _ => StatusCode.OK;
        await scenario.SettleAsync();
        Assert.False(scenario.Core.Programmer.Status.Policy.IsFenced);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task A_restart_changes_no_row(int seed)
    {
        await using var scenario = await PolicyScenario.StartAsync(seed);
        for (var i = 0; i < 10; i++)
        {
            for (var k = 0; k < 5; k++)
            {
                await scenario.ChangeAsync();
            }

            await scenario.SettleAsync();
            var writes = scenario.Core.Target.Writes;
            await scenario.Core.RestartAsync();
            await scenario.SettleAsync();
            Assert.Equal(writes, scenario.Core.Target.Writes);
            Assert.Equal(ReconcileCounts.None, scenario.Core.Programmer.Status.LastReconcile);
        }
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    [InlineData(23)]
    [InlineData(24)]
    public async Task What_no_policy_allows_never_passes_whatever_fails(int seed)
    {
        var random = new Random(seed);
        await using var scenario = await PolicyScenario.StartAsync(seed);
        scenario.MayClose = true;
        TargetFault[] faults =
        [
            TargetFault.LoseReply, TargetFault.LoseRequest, TargetFault.ApplyHalf, TargetFault.RefuseSome, TargetFault.Flap,
            TargetFault.Die, TargetFault.Ambiguous,
        ];
        for (var i = 0; i < 40; i++)
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
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    public async Task What_no_policy_allows_never_passes_when_the_process_is_killed(int seed)
    {
        var random = new Random(seed);
        await using var scenario = await PolicyScenario.StartAsync(seed);
        scenario.MayClose = true;
        for (var i = 0; i < 40; i++)
        {
            var at = random.Next(12);
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
}
