using System.Buffers.Binary;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>The pipeline is told the time while a service has session affinity.</summary>
public sealed class AffinityTimeTests
{
    // Ticks of 100 ms.
    private static readonly ServiceSpec Sticky = With(1, affinity: 2);

    [Fact]
    public async Task The_clock_runs_only_while_a_service_has_affinity()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(With(2, affinity: 0));
        await Task.Delay(150);
        Assert.Null(Time(core));

        await core.SetAsync(Sticky);
        await UntilAsync(core, 300);
        await core.RemoveAsync(Sticky.Key);
        // A tick may be under way.
        await Task.Delay(50);
        var end = Time(core);
        await Task.Delay(250);
        Assert.Equal(end, Time(core));
        Assert.All(Steps(core), s => Assert.InRange(s, 0u, 200u));
        await core.SettledAsync();
    }

    [Fact]
    public async Task The_clock_continues_after_a_restart_and_after_the_target_was_away()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(Sticky);
        await UntilAsync(core, 200);
        await core.RestartAsync();
        await UntilAsync(core, Time(core)!.Value + 200);

        core.Target.Disconnect();
        await Task.Delay(1000);
        core.Target.Connect();
        await UntilAsync(core, Time(core)!.Value + 200);
        await core.SettledAsync();
        await core.KillAsync();
        Assert.All(Steps(core), s => Assert.InRange(s, 0u, 200u));
    }

    [Fact]
    public async Task A_lost_row_is_written_again()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(Sticky);
        await UntilAsync(core, 200);
        core.Target.Disconnect();
        var before = Time(core)!.Value;
        core.Target.Drift(rows => rows.Remove(rows.Values.Single(r => r.Table.Alias == "clock").Key));
        core.Target.Connect();
        await UntilAsync(core, before + 1);
        await core.SettledAsync();
    }

    [Fact]
    public async Task The_clock_runs_on_a_target_that_cannot_modify_rows()
    {
        var target = new FakeTarget { Traits = TargetTraits.P4Dpdk, Forgets = u => u.Kind == UpdateKind.Modify };
        await using var core = await CoreHarness.StartAsync(target);
        await core.SetAsync(Sticky);
        await UntilAsync(core, 300);
        await core.SettledAsync();
        await core.KillAsync();
        Assert.DoesNotContain(core.Target.Log, u => u.Kind == UpdateKind.Modify);
    }

    private static ServiceSpec With(int number, int affinity)
    {
        var spec = TestService.Of(number, TestService.Remote(number));
        return spec with { Ports = [spec.Ports[0] with { AffinitySeconds = affinity }] };
    }

    private static Task UntilAsync(CoreHarness core, uint time) => core.UntilAsync(() => Time(core) >= time, $"time {time}");

    private static uint? Time(CoreHarness core) =>
        core.Target.Rows.Where(r => r.Table.Alias == "clock").Select(r => (uint?)BinaryPrimitives.ReadUInt32BigEndian(r.ActionData))
            .SingleOrDefault();

    private static IEnumerable<uint> Steps(CoreHarness core)
    {
        var times = core.Target.Log
            .Where(u => u.Entry.Table.Alias == "clock" && u.Kind != UpdateKind.Delete)
            .Select(u => BinaryPrimitives.ReadUInt32BigEndian(u.Entry.ActionData)).ToArray();
        return times.Zip(times.Skip(1), (a, b) => b - a);
    }
}
