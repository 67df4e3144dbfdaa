using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>Adds, changes and removes endpoints in bursts, on any target.</summary>
internal static class CrashScenario
{
    private static readonly int[] Pods = [1, 2, 3, 4, 5, 6];

    /// <summary>The names of the scenario's ports.</summary>
    public static IReadOnlyList<string> PortNames { get; } = [.. Pods.Select(TestNode.PortName), TestNode.Host().PortName];

    /// <summary>Submits the bursts, and restarts the programmer after a crash.</summary>
    public static async Task RunAsync(ICrashHarness core, Oracle oracle, bool restartOnCrash = false)
    {
        Intent[][] batches =
        [
            [new AttachIntent(TestNode.Pod(1, 1))],
            [new AttachIntent(TestNode.Pod(2, 2) with { Addresses = [TestNode.Ip(2), TestNode.Ip(20)] }),
                new AttachIntent(TestNode.Host(3)), TestNode.Detach(TestNode.Pod(1), 4)],
            [new AttachIntent(TestNode.Pod(4, 5)), new AttachIntent(TestNode.Pod(3, 6, ip: 1)), new AttachIntent(TestNode.Pod(2, 7))],
            [TestNode.Sync(10, TestNode.Pod(2, 7), TestNode.Host(3), TestNode.Pod(5, 8, ip: 1, port: 3), TestNode.Pod(4, 9))],
            [TestNode.Detach(TestNode.Pod(2), 11), new AttachIntent(TestNode.Pod(6, 12, ip: 2, mac: 2, port: 2))],
        ];
        foreach (var batch in batches)
        {
            await oracle.RunAsync(core.Programmer, batch);
            if (!core.Programmer.Completion.IsCompleted)
            {
                continue;
            }

            Assert.True(restartOnCrash);
            oracle.Crashed();
            await core.KillAsync();
            await core.RestartAsync();
        }
    }

    /// <summary>
    /// Crashes the first time this point is passed, then the second time, and so on until it is not passed that often. Each run has a new
    /// harness.
    /// </summary>
    /// <param name="start">Creates a harness that is ready.</param>
    /// <param name="point">Where to crash.</param>
    /// <returns>The number of crashes.</returns>
    public static async Task<int> CrashAtAsync(Func<Task<ICrashHarness>> start, CrashPoint point)
    {
        for (var at = 0; ; at++)
        {
            await using var core = await start();
            var oracle = new Oracle();
            var passing = 0;
            var target = at;

            void Hook(CrashPoint p)
            {
                if (p == point && Interlocked.Increment(ref passing) - 1 == target)
                {
                    throw new SimulatedCrashException();
                }
            }

            // Some updates are refused, so that the steps include compensation.
            core.Refuse("02:00:00:00:00:05");
            core.Hook = Hook;
            await RunAsync(core, oracle, restartOnCrash: true);
            // Everything must be written again, which may be interrupted as well.
            await core.KillAsync();
            core.Refuse(null);
            await core.RestartTargetAsync();
            core.Hook = Hook;
            await core.RestartAsync(ready: false);
            await Eventually.TrueAsync(() => core.Programmer.Completion.IsCompleted
                || core.Programmer.Status is { Ready: true, Reconciled: true }, "it has compared the tables");
            await core.RestartAsync();
            oracle.Check(await core.SettledAsync());
            var writes = core.Writes;
            await core.RestartAsync();
            oracle.Check(await core.SettledAsync());
            Assert.Equal(writes, core.Writes);
            if (passing <= at)
            {
                return at;
            }
        }
    }
}
