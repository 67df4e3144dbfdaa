using ACCOffload.InfraManager.Model;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests;

/// <summary>One scenario, with each thing that can go wrong at each step where it can, and the promise checked after each.</summary>
public class FaultEnumerationTests
{
    public static TheoryData<string> Faults => [.. Enum.GetNames<TargetFault>().Where(f => f != nameof(TargetFault.None))];

    public static TheoryData<string> Points => [.. Enum.GetNames<CrashPoint>()];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Every_fault_of_the_target_at_every_call(string name)
    {
        var fault = Enum.Parse<TargetFault>(name);
        int calls = int.MaxValue;
        for (int at = 0; at < calls; at++)
        {
            await using CoreHarness core = await CoreHarness.StartAsync(
                options: o => o with { WriteLimit = TimeSpan.FromMilliseconds(100), PortLimit = TimeSpan.FromMilliseconds(100) });
            var oracle = new Oracle();
            int call = 0;
            int target = at;
            core.Target.NextFault = () => Interlocked.Increment(ref call) - 1 == target ? fault : TargetFault.None;
            await ScenarioAsync(core, oracle);
            oracle.Check(await core.SettledAsync());
            if (at == 0)
                calls = Volatile.Read(ref call);
            int writes = core.Target.Writes;
            await core.RestartAsync();
            oracle.Check(await core.SettledAsync());

            // What is applied late may come after the comparison, and is found by the audit.
            if (fault != TargetFault.ApplyLate)
                Assert.Equal(writes, core.Target.Writes);
        }

        Assert.InRange(calls, 10, 100);
    }

    [Theory]
    [MemberData(nameof(Points))]
    public async Task Every_crash_point_at_every_passing(string name)
    {
        var point = Enum.Parse<CrashPoint>(name);
        for (int at = 0; ; at++)
        {
            await using CoreHarness core = await CoreHarness.StartAsync();
            var oracle = new Oracle();
            int passing = 0;
            int target = at;

            // Something is refused, so that compensation is among the steps.
            core.Target.Refuses = u => u.Kind != P4Runtime.UpdateKind.Delete && $"{u.Entry}".Contains("02:00:00:00:00:05", StringComparison.Ordinal)
                ? Grpc.Core.StatusCode.InvalidArgument
                : Grpc.Core.StatusCode.OK;
            core.Hook = p =>
            {
                if (p == point && Interlocked.Increment(ref passing) - 1 == target)
                    throw new SimulatedCrashException();
            };
            await ScenarioAsync(core, oracle, restartOnCrash: true);
            await core.RestartAsync();
            core.Target.Refuses = _ => Grpc.Core.StatusCode.OK;
            oracle.Check(await core.SettledAsync());
            int writes = core.Target.Writes;
            await core.RestartAsync();
            oracle.Check(await core.SettledAsync());
            Assert.Equal(writes, core.Target.Writes);
            if (passing <= at)
                break;
        }
    }

    private static async Task ScenarioAsync(CoreHarness core, Oracle oracle, bool restartOnCrash = false)
    {
        Intent[][] batches =
        [
            [new AttachIntent(TestNode.Pod(1, 1))],
            [new AttachIntent(TestNode.Pod(2, 2) with { Addresses = [TestNode.Ip(2), TestNode.Ip(20)] }), new AttachIntent(TestNode.Host(3)), TestNode.Detach(TestNode.Pod(1), 4)],
            [new AttachIntent(TestNode.Pod(4, 5)), new AttachIntent(TestNode.Pod(3, 6, ip: 1)), new AttachIntent(TestNode.Pod(2, 7))],
            [TestNode.Sync(10, TestNode.Pod(2, 7), TestNode.Host(3), TestNode.Pod(5, 8, ip: 1, port: 3), TestNode.Pod(4, 9))],
            [TestNode.Detach(TestNode.Pod(2), 11), new AttachIntent(TestNode.Pod(6, 12, ip: 2, mac: 2, port: 2))],
        ];
        foreach (Intent[] batch in batches)
        {
            await oracle.RunAsync(core.Programmer, batch);
            if (!core.Programmer.Completion.IsCompleted)
                continue;
            Assert.True(restartOnCrash);
            oracle.Crashed();
            await core.KillAsync();
            await core.RestartAsync();
        }
    }
}
