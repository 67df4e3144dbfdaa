using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Target;

/// <summary>End to end over a real socket: every fault at each RPC; the guarantees are checked after each.</summary>
public class ServerFaultTests
{
    public static TheoryData<string> Faults => [.. Enum.GetNames<TargetFault>().Where(f => f != nameof(TargetFault.None))];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task State_is_consistent_after_every_fault_at_every_step(string name)
    {
        var fault = Enum.Parse<TargetFault>(name);
        var steps = int.MaxValue;
        for (var at = 0; at < steps; at++)
        {
            var step = -1;
            var target = at;
            await using var harness = await ServerHarness.StartAsync(
                s => s.OnStep = _ => Interlocked.Increment(ref step) == target ? fault : TargetFault.None);
            var oracle = new Oracle();
            await harness.ReadyAsync();
            await oracle.RunAsync(harness.Programmer, new AttachIntent(TestNode.Pod(1, 1)), new AttachIntent(TestNode.Pod(2, 2)));
            await oracle.RunAsync(
                harness.Programmer, TestNode.Detach(TestNode.Pod(1), 3), new AttachIntent(TestNode.Pod(3, 4, ip: 1)),
                new AttachIntent(TestNode.Pod(2, 5, ip: 20)));
            oracle.Check(await harness.SettledAsync());
            if (at == 0)
            {
                steps = Volatile.Read(ref step) + 1;
            }

            // Wait until the consequences of the fault have ended.
            harness.Server.OnStep = _ => TargetFault.None;
            await harness.SettledAsync();

            var writes = harness.Server.Writes;
            await harness.CloseAsync();
            harness.Open();
            await harness.ReadyAsync();
            oracle.Check(await harness.SettledAsync());
            if (fault is not (TargetFault.ApplyLate or TargetFault.Die))
            {
                Assert.Equal(writes, harness.Server.Writes);
            }
        }

        Assert.InRange(steps, 15, 80);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_restarted_target_is_read_back_and_filled(bool empty)
    {
        await using var harness = await ServerHarness.StartAsync();
        await harness.ReadyAsync();
        var oracle = new Oracle();
        await oracle.RunAsync(harness.Programmer, [.. Enumerable.Range(1, 250).Select(i => new AttachIntent(TestNode.Pod(i, (ulong)i)))]);
        oracle.Check(await harness.SettledAsync());
        var writes = harness.Server.Writes;
        var generation = harness.Target.Connection.Generation;
        await harness.Server.RestartAsync(empty);
        var start = TimeProvider.System.GetTimestamp();
        while (harness.Target.Connection.Generation == generation || !harness.Programmer.Status.Ready)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(60), "not back");
            await Task.Delay(2);
        }

        oracle.Check(await harness.SettledAsync());
        Assert.Equal(250, harness.Programmer.Endpoints.Count(e => e.Programmed));
        Assert.Equal(empty ? 2 : 1, harness.Server.Pushes);
        if (!empty)
        {
            Assert.Equal(writes, harness.Server.Writes);
        }
    }

    [Fact]
    public async Task Drift_is_repaired_when_it_is_detected()
    {
        await using var harness = await ServerHarness.StartAsync();
        await harness.ReadyAsync();
        var oracle = new Oracle();
        await oracle.RunAsync(harness.Programmer, new AttachIntent(TestNode.Pod(1, 1)), new AttachIntent(TestNode.Pod(2, 2)));
        harness.Server.Drift(rows => rows.Clear());

        // The deletes find nothing, which indicates that more may be missing.
        await oracle.RunAsync(harness.Programmer, TestNode.Detach(TestNode.Pod(1), 3));
        oracle.Check(await harness.SettledAsync());
        // The rows of the remaining pod and of the node: three pools, the gateway as source and destination, two ranges of its own, and
        // three that are never routed.
        Assert.Equal(5 + 3 + 2 + 2 + 3, harness.Server.Rows.Count);
    }

    [Fact]
    public async Task An_unavailable_target_is_reported_and_adds_fail()
    {
        await using var harness = await ServerHarness.StartAsync();
        await harness.ReadyAsync();
        await harness.Server.StopAsync();
        var start = TimeProvider.System.GetTimestamp();
        while (harness.Programmer.Status.TargetState != TargetState.Disconnected)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(60), "not noticed");
            await Task.Delay(2);
        }

        var e = await Assert.ThrowsAsync<IntentException>(() =>
            harness.Programmer.SubmitAsync(new AttachIntent(TestNode.Pod(1, 1)), default));
        Assert.Equal(IntentError.Unavailable, e.Code);
        Assert.True(harness.Programmer.IsHealthy);
        Assert.NotEqual("", harness.Programmer.Status.TargetReason);
    }
}
