using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>One scenario with every possible fault at every step; the guarantees are checked after each.</summary>
public class FaultEnumerationTests
{
    public static TheoryData<string> Faults => [.. Enum.GetNames<TargetFault>().Where(f => f != nameof(TargetFault.None))];

    public static TheoryData<string> Points => [.. Enum.GetNames<CrashPoint>()];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task State_is_consistent_after_every_target_fault_at_every_call(string name)
    {
        var fault = Enum.Parse<TargetFault>(name);
        var calls = int.MaxValue;
        for (var at = 0; at < calls; at++)
        {
            await using var core = await CoreHarness.StartAsync(
                options: o => o with { WriteLimit = TimeSpan.FromMilliseconds(100), PortLimit = TimeSpan.FromMilliseconds(100) });
            var oracle = new Oracle();
            var call = 0;
            var target = at;
            core.Target.NextFault = () => Interlocked.Increment(ref call) - 1 == target ? fault : TargetFault.None;
            await CrashScenario.RunAsync(core, oracle);
            oracle.Check(await core.SettledAsync());
            if (at == 0)
            {
                calls = Volatile.Read(ref call);
            }

            var writes = core.Target.Writes;
            await core.RestartAsync();
            oracle.Check(await core.SettledAsync());

            // A late change may be applied after the comparison; the audit finds it.
            if (fault != TargetFault.ApplyLate)
            {
                Assert.Equal(writes, core.Target.Writes);
            }
        }

        Assert.InRange(calls, 10, 100);
    }

    [Theory]
    [MemberData(nameof(Points))]
    public async Task State_is_consistent_after_a_crash_at_every_crash_point(string name)
    {
        var crashes = await CrashScenario.CrashAtAsync(async () => await CoreHarness.StartAsync(), Enum.Parse<CrashPoint>(name));

        // Commits are pending only after the disk has failed.
        Assert.Equal(name != nameof(CrashPoint.BeforePendingCommit), crashes > 0);
    }
}
