using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>
/// What the programmer does where a target can't do everything that P4Runtime specifies. The fake behaves as observed in infrap4d for
/// P4-DPDK.
/// </summary>
public class TargetTraitsTests
{
    [Fact]
    public async Task Rows_are_replaced_one_by_one_if_Modify_has_no_effect()
    {
        await using var core = await StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.AttachAsync(TestNode.Pod(2, 1));
        core.Target.ClearLog();

        // The same address behind another port: some rows change their action's parameters.
        await core.AttachAsync(TestNode.Pod(1, 2, mac: 7));

        await core.SettledAsync();
        Assert.DoesNotContain(core.Target.Log, u => u.Kind == UpdateKind.Modify);
        // The rows of `held` are written before and after each replacement.
        List<EntryUpdate> log = [.. core.Target.Log.Where(u => u.Entry.Table.Alias != "held")];
        var replaced = log.Where(u => u.Kind == UpdateKind.Delete
            && log.Exists(o => o.Kind == UpdateKind.Insert && o.Entry.Key.Equals(u.Entry.Key))).ToList();
        Assert.NotEmpty(replaced);
        Assert.All(replaced,
            r => Assert.Equal((UpdateKind.Insert, r.Entry.Key), (log[log.IndexOf(r) + 1].Kind, log[log.IndexOf(r) + 1].Entry.Key)));
    }

    [Theory]
    [InlineData(StatusCode.InvalidArgument)]
    // Ambiguous: the row may have been written.
    [InlineData(StatusCode.Internal)]
    public async Task A_row_is_not_replaced_if_its_packets_cannot_be_held_back(StatusCode answer)
    {
        await using var core = await StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.SettledAsync();
        core.Target.ClearLog();
        core.Target.Refuses = u => u.Entry.Table.Alias == "held" && u.Kind == UpdateKind.Insert ? answer : StatusCode.OK;

        await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(1, 2, mac: 7)));

        Assert.DoesNotContain(core.Target.Log, u => u.Entry.Table.Alias == "pods");
        core.Target.Refuses = _ => StatusCode.OK;
        await core.AttachAsync(TestNode.Pod(1, 3, mac: 7));
        await core.SettledAsync();
    }

    [Fact]
    public async Task A_change_that_is_acknowledged_but_not_applied_fails_its_request()
    {
        await using var core = await StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Forgets = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "pods";

        var refused = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(2, 1)));

        Assert.Contains("was acknowledged but not applied", refused.Message, StringComparison.Ordinal);
        Assert.Contains("pods", refused.Message, StringComparison.Ordinal);
        Assert.Equal(TestNode.Key(1), Assert.Single(await core.SettledAsync()).Endpoint.Key);
        core.Target.Forgets = _ => false;
        await core.AttachAsync(TestNode.Pod(2, 2));
        Assert.Equal(2, (await core.SettledAsync()).Count);
    }

    [Fact]
    public async Task A_row_that_the_target_keeps_losing_is_reported_as_pending()
    {
        await using var core = await StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.SettledAsync();
        core.Target.Forgets = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "pods";
        core.Target.Restart();

        await core.UntilAsync(() => core.Programmer.Status is { TargetState: TargetState.Ready, Reconciled: false, PendingEntries: 1 },
            "one entry is pending");
        var row = Assert.Single(core.Programmer.Status.Differences);
        Assert.Equal(("pods", "missing"), (row.Table, row.Kind));
        Assert.Equal($"pods dst_ip={TestNode.Ip(1)}", row.Row);

        core.Target.Forgets = _ => false;
        await core.SettledAsync();
    }

    [Fact]
    public async Task A_reliable_target_is_not_read_back_after_each_write()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Forgets = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "pods";

        await core.AttachAsync(TestNode.Pod(1, 1));

        Assert.True(core.Programmer.Status.Reconciled);
    }

    [Fact]
    public async Task A_delete_that_is_always_refused_is_retried_with_growing_delays()
    {
        await using var core = await CoreHarness.StartAsync(options: o =>
            o with { RetryMax = TimeSpan.FromMilliseconds(2), RefusedDeleteMax = TimeSpan.FromHours(1) });
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Refuses = u => u.Kind == UpdateKind.Delete && u.Entry.Table.Alias == "pods"
            ? StatusCode.InvalidArgument
            : StatusCode.OK;

        await core.DetachAsync(TestNode.Pod(1), 2);

        // Retries come after 1, 2, 4, … ms, at most an hour: ten take a second, thirty nine hours. With RetryMax alone there would be a
        // hundred.
        await Task.Delay(200);
        Assert.InRange(core.Target.Log.Count(u => u.Kind == UpdateKind.Delete && u.Entry.Table.Alias == "pods"), 2, 30);
        Assert.False(core.Programmer.Status.Reconciled);
        Assert.Equal(new RowDifference("pods", $"pods dst_ip={TestNode.Ip(1)}", "unwanted"),
            Assert.Single(core.Programmer.Status.Differences));
        core.Target.Refuses = _ => StatusCode.OK;
    }

    private static async Task<CoreHarness> StartAsync()
    {
        var target = new FakeTarget { Traits = TargetTraits.P4Dpdk };
        target.Forgets = u => u.Kind == UpdateKind.Modify;
        return await CoreHarness.StartAsync(target);
    }
}
