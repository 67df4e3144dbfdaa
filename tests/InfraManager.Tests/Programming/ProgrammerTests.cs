using System.Collections.Concurrent;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Programming;

public class ProgrammerTests
{
    [Fact]
    public async Task A_Write_of_a_reconciliation_that_takes_effect_late_is_detected()
    {
        await using var core = await CoreHarness.StartAsync(options: o =>
            o with { RetryMin = TimeSpan.FromMilliseconds(500), RetryMax = TimeSpan.FromMilliseconds(500) });
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.SettledAsync();
        // The audit after startup must end before the target loses the pod's rows.
        await Task.Delay(core.Options.AuditAfterUnknown * 4);
        core.Target.Disconnect();
        core.Target.Drift(rows =>
        {
            foreach (var row in rows.Values.Where(r => !NodeRows.Has(r)).ToList())
            {
                rows.Remove(row.Key);
            }
        });
        var calls = 0;
        core.Target.NextFault = () => Interlocked.Increment(ref calls) == 1 ? TargetFault.ApplyLate : TargetFault.None;
        core.Target.Connect();
        await core.UntilAsync(() => Volatile.Read(ref calls) > 0, "the reconciliation's first Write");

        // The removal is durable; as far as the programmer knows, there is nothing to delete on the target.
        Assert.True((await core.DetachAsync(TestNode.Pod(1), 2)).Removed);

        Assert.Empty(await core.SettledAsync());
        await Task.Delay(core.Options.AuditAfterUnknown * 10);
        Assert.Empty(await core.SettledAsync());
        Assert.Empty(core.EndpointRows);
    }

    [Fact]
    public async Task Attach_and_detach_change_tables_and_ports()
    {
        await using var core = await CoreHarness.StartAsync();
        var outcome = await core.AttachAsync(TestNode.Pod(1, 1));
        Assert.Equal(core.Target.Ports[TestNode.PortName(1)], outcome.Port);
        Assert.Null(core.Difference());
        Assert.Equal(5, core.EndpointRows.Count);
        Assert.True(Assert.Single(core.Programmer.Endpoints).Programmed);
        Assert.True((await core.DetachAsync(TestNode.Pod(1), 2)).Removed);
        Assert.Empty(core.EndpointRows);
        Assert.Empty(core.Target.Ports);
        Assert.False((await core.DetachAsync(TestNode.Pod(1), 3)).Removed);
        Assert.Equal((true, true, 0), (core.Programmer.Status.Ready, core.Programmer.Status.Reconciled, core.Programmer.Status.Endpoints));
    }

    [Fact]
    public async Task A_repeated_request_writes_and_commits_nothing()
    {
        await using var core = await CoreHarness.StartAsync();
        var first = await core.AttachAsync(TestNode.Pod(1, 1));
        (var writes, var commits) = (core.Target.Writes, core.Store.Commits);
        var second = await core.AttachAsync(TestNode.Pod(1, 1));
        Assert.Equal(first, second);
        Assert.Equal((writes, commits), (core.Target.Writes, core.Store.Commits));
    }

    [Fact]
    public async Task An_update_writes_only_the_difference()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        var updates = core.Target.Updates;
        await core.AttachAsync(TestNode.Pod(1, 2) with { Addresses = [TestNode.Ip(1), TestNode.Ip(2)] });
        Assert.Equal(3, core.Target.Updates - updates);
        await core.SettledAsync();
    }

    [Fact]
    public async Task A_batch_is_one_commit_and_few_Writes()
    {
        await using var core = await CoreHarness.StartAsync();
        var gate = new ManualResetEventSlim();
        core.Hook = p =>
        {
            if (p == CrashPoint.BeforeComplete)
            {
                gate.Wait();
            }
        };
        Task first = core.AttachAsync(TestNode.Pod(0, 1));
        await core.UntilAsync(() => core.EndpointRows.Count == 5, "first attached");
        Task[] rest = [.. Enumerable.Range(1, 249).Select(i => core.AttachAsync(TestNode.Pod(i, (ulong)i + 1)))];
        (var writes, var commits) = (core.Target.Writes, core.Store.Commits);
        core.Hook = _ => { };
        gate.Set();
        await first;
        await Task.WhenAll(rest);
        Assert.Equal((3, 1L), (core.Target.Writes - writes, core.Store.Commits - commits));
        await core.SettledAsync();
    }

    [Fact]
    public async Task Two_hundred_fifty_endpoints_survive_a_restart_without_a_write()
    {
        await using var core = await CoreHarness.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 250).Select(i => core.AttachAsync(TestNode.Pod(i, (ulong)i + 1))));
        await core.AttachAsync(TestNode.Host(900));
        var writes = core.Target.Writes;
        await core.RestartAsync();
        Assert.Equal(251, (await core.SettledAsync()).Count);
        Assert.Equal(writes, core.Target.Writes);
        Assert.Equal(ReconcileCounts.None, core.Programmer.Status.LastReconcile);
        Assert.Equal(1, core.Target.Pushes);
    }

    [Fact]
    public async Task An_empty_target_is_filled_again_after_a_restart()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.AttachAsync(TestNode.Host(2));
        var before = core.Target.Ports[TestNode.PortName(1)];
        core.Target.Restart();
        await core.SettledAsync();
        Assert.NotEqual(before, core.Programmer.Endpoints[0].Port);
        Assert.Equal(2, core.Target.Pushes);
    }

    [Fact]
    public async Task Foreign_and_changed_rows_and_orphaned_ports_are_repaired_on_reconnect()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Disconnect();
        core.Target.AddForeignPort("acc0123456789a");
        core.Target.AddForeignPort("uplink0");
        core.Target.Drift(rows =>
        {
            var route = rows.Values.Single(r => r.Table.Alias == "pods");
            rows.Remove(route.Key);
            var other = Route(1, 99);
            rows.Add(other.Key, other);
            var foreign = Route(77, 1);
            rows.Add(foreign.Key, foreign);
            rows.Remove(rows.Values.Single(r => r.Table.Alias == "mac_guard").Key);
        });
        core.Target.Connect();
        await core.SettledAsync();
        Assert.Equal(new ReconcileCounts(1, 1, 1), core.Programmer.Status.LastReconcile);
        Assert.True(core.Target.Ports.ContainsKey("uplink0"));
    }

    [Fact]
    public async Task A_row_that_is_gone_already_is_removed_without_reading_the_target_back_first()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Drift(rows => rows.Remove(rows.Values.Single(r => r.Table.Alias == "pods").Key));
        var points = new ConcurrentQueue<CrashPoint>();
        core.Hook = points.Enqueue;
        await core.AttachAsync(TestNode.Pod(1, 2, ip: 5));
        await core.EndHookAsync();
        Assert.DoesNotContain(CrashPoint.ReconcileRead, points.TakeWhile(p => p != CrashPoint.BeforeComplete));
        await core.SettledAsync();
    }

    [Fact]
    public async Task While_the_target_is_unavailable_masquerading_can_only_be_reduced()
    {
        await using var core = await CoreHarness.StartAsync();
        var prefix = System.Net.IPNetwork.Parse("198.51.100.0/24");
        await core.Programmer.SubmitAsync(new SnatPrefixIntent(prefix, IsAdded: true), default);
        core.Target.Disconnect();
        var e = await Assert.ThrowsAsync<IntentException>(() =>
            core.Programmer.SubmitAsync(new SnatPrefixIntent(System.Net.IPNetwork.Parse("203.0.113.0/24"), IsAdded: true), default));
        Assert.Equal(IntentError.Unavailable, e.Code);
        await core.Programmer.SubmitAsync(new SnatPrefixIntent(prefix, IsAdded: false), default);
        Assert.Empty(core.Programmer.Snat.Prefixes);
        core.Target.Connect();
        await core.SettledAsync();
        Assert.Empty(core.Programmer.Snat.Prefixes);
    }

    [Fact]
    public async Task While_the_target_is_unavailable_adds_fail_and_removals_are_applied_later()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        await core.AttachAsync(TestNode.Pod(2, 2));
        await core.AttachAsync(TestNode.Pod(3, 3));
        core.Target.Disconnect();
        var commits = core.Store.Commits;
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(4, 4)));
        Assert.Equal(IntentError.Unavailable, e.Code);
        Assert.Contains("cut by the test", e.Message, StringComparison.Ordinal);
        Assert.Equal(commits, core.Store.Commits);
        Assert.True((await core.DetachAsync(TestNode.Pod(1), 5)).Removed);
        var sync = await core.SyncAsync(TestNode.Sync(6, TestNode.Pod(2, 2), TestNode.Pod(5, 5)));
        Assert.Equal((1, 0, 1, 1), (sync.Kept, sync.Added, sync.Removed, sync.Failures.Count));
        Assert.Equal(TargetState.Disconnected, core.Programmer.Status.TargetState);
        Assert.Equal(15, core.EndpointRows.Count);
        await core.RestartAsync(ready: false);
        core.Target.Connect();
        Assert.Single(await core.SettledAsync());
        Assert.Single(core.Target.Ports);
    }

    [Fact]
    public async Task An_address_freed_while_the_target_was_unavailable_can_be_reassigned()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Disconnect();
        await core.DetachAsync(TestNode.Pod(1), 2);
        core.Target.Connect();
        await core.ReadyAsync();
        await core.AttachAsync(TestNode.Pod(2, 3, ip: 1, mac: 1, port: 1));
        Assert.Equal(TestNode.Key(2), Assert.Single(await core.SettledAsync()).Endpoint.Key);
    }

    [Fact]
    public async Task A_refused_entry_fails_only_its_request_and_releases_its_address()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Refuses = u => $"{u.Entry}".Contains("02:00:00:00:00:02", StringComparison.Ordinal)
            ? StatusCode.InvalidArgument
            : StatusCode.OK;
        var calls = await BatchAsync(
            core,
            () => core.AttachAsync(TestNode.Pod(1, 1)),
            () => core.AttachAsync(TestNode.Pod(2, 2)),
            () => core.AttachAsync(TestNode.Pod(3, 3, ip: 1)));
        var e = await Assert.ThrowsAsync<IntentException>(() => calls[0]);
        Assert.Equal(IntentError.Internal, e.Code);
        Assert.Contains("refused", e.Message, StringComparison.Ordinal);
        await calls[1];
        await calls[2];
        Assert.Equal([TestNode.Key(2), TestNode.Key(3)],
            (await core.SettledAsync()).Select(v => v.Endpoint.Key)
                .Order(Comparer<AttachmentKey>.Create((a, b) => string.CompareOrdinal(a.ContainerId, b.ContainerId))));
        core.Target.Refuses = _ => StatusCode.OK;
        await core.RestartAsync();
        Assert.Equal(2, (await core.SettledAsync()).Count);
    }

    [Fact]
    public async Task A_refused_update_leaves_the_endpoint_unchanged()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        // The table stays full: a deleted row could not be restored.
        core.Target.Refuses = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "pods"
            ? StatusCode.ResourceExhausted
            : StatusCode.OK;
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(1, 2, ip: 9, mac: 9, port: 9)));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        Assert.Equal(5, core.EndpointRows.Count);
        Assert.Equal(TestNode.Ip(1), Assert.Single(await core.SettledAsync()).Endpoint.Spec.Addresses[0]);
    }

    [Fact]
    public async Task A_refused_item_of_a_sync_does_not_affect_the_others()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Refuses = u => $"{u.Entry}".Contains("02:00:00:00:00:03", StringComparison.Ordinal)
            ? StatusCode.InvalidArgument
            : StatusCode.OK;
        var outcome = await core.SyncAsync(TestNode.Sync(9, TestNode.Pod(1, 1), TestNode.Pod(2, 2), TestNode.Pod(3, 3)));
        Assert.Equal((2, TestNode.Key(2)), (outcome.Added, Assert.Single(outcome.Failures).Key));
        Assert.Equal(2, (await core.SettledAsync()).Count);
    }

    [Fact]
    public async Task A_refused_port_fails_the_attach()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.RefusesPort = n => n == TestNode.PortName(1) ? StatusCode.ResourceExhausted : StatusCode.OK;
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(1, 1)));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        Assert.Empty(await core.SettledAsync());
        core.Target.RefusesPort = _ => StatusCode.OK;
        await core.AttachAsync(TestNode.Pod(1, 2));
    }

    [Fact]
    public async Task A_refused_delete_does_not_fail_the_detach_and_is_retried()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Target.Refuses = u => u.Kind == UpdateKind.Delete ? StatusCode.FailedPrecondition : StatusCode.OK;
        Assert.True((await core.DetachAsync(TestNode.Pod(1), 2)).Removed);
        Assert.Equal(5, core.EndpointRows.Count);
        Assert.Single(core.Target.Ports);
        Assert.False(core.Programmer.Status.Reconciled);
        core.Target.Refuses = _ => StatusCode.OK;
        await core.SettledAsync();
        await core.UntilAsync(() => core.Target.Ports.Count == 0, "port removed");
    }

    [Fact]
    public async Task Existing_ports_are_used_and_not_removed()
    {
        var target = new FakeTarget { CanList = false };
        target.AddForeignPort("tap0");
        await using var core = await CoreHarness.StartAsync(target);
        var spec = TestNode.Pod(1) with { PortName = "tap0", Origin = ApiOrigin.InfraAgent };
        Assert.Equal(1u, (await core.AttachAsync(spec)).Port);
        await core.DetachAsync(spec);
        Assert.True(target.Ports.ContainsKey("tap0"));
        await core.AttachAsync(spec with { PortName = "tap1" });
        await core.DetachAsync(spec);
        await core.UntilAsync(() => target.Ports.Count == 1, "tap1 removed");
    }

    [Theory]
    // The first leaves the outcome open, the second does not.
    [InlineData(StatusCode.Unavailable, StatusCode.Unavailable)]
    [InlineData(StatusCode.PermissionDenied, StatusCode.Internal)]
    public async Task A_port_that_cannot_be_looked_up_is_not_taken_for_one_of_ours(StatusCode code, StatusCode error)
    {
        var target = new FakeTarget { CanList = false };
        target.AddForeignPort("tap1");
        target.AddForeignPort("tap2");
        await using var core = await CoreHarness.StartAsync(target);
        target.FailsLookup = name => name == "tap1" ? code : StatusCode.OK;
        var (first, second) = (TestNode.Pod(1, 1) with { PortName = "tap1" }, TestNode.Pod(2, 2) with { PortName = "tap2" });

        // The other ports of the batch are looked up nevertheless.
        var outcome = await core.SyncAsync(TestNode.Sync(9, first, second));
        var failure = Assert.Single(outcome.Failures);
        Assert.Equal((1, TestNode.Key(1), error), (outcome.Added, failure.Key, (StatusCode)failure.Error.Code));
        Assert.Contains("whether port tap1 exists already", failure.Error.Message, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(first with { Sequence = 10 }));
        Assert.Equal(error, (StatusCode)refused.Code);

        target.FailsLookup = _ => StatusCode.OK;
        await core.AttachAsync(first with { Sequence = 11 });
        await core.DetachAsync(first, 12);
        await core.DetachAsync(second, 13);
        Assert.Equal(["tap1", "tap2"], target.Ports.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_full_queue_refuses_immediately_and_a_stop_completes_all_requests()
    {
        var core = await CoreHarness.StartAsync(options: o =>
            o with { QueueIntents = 4, MaxBatch = 1, WriteLimit = TimeSpan.FromSeconds(20) });
        await using var owned = core;
        core.Target.NextFault = () => TargetFault.Hang;
        Task<AttachOutcome>[] calls = [.. Enumerable.Range(1, 8).Select(i => core.AttachAsync(TestNode.Pod(i, (ulong)i)))];
        await core.UntilAsync(() => calls.Count(c => c.IsFaulted) >= 3, "the queue is full");
        Assert.All(calls.Where(c => c.IsFaulted),
            c => Assert.Equal(IntentError.ResourceExhausted, Assert.IsType<IntentException>(c.Exception!.InnerException).Code));
        var last = core.Programmer.SubmitAsync(TestNode.Detach(TestNode.Pod(1), 90), CancellationToken.None);
        await core.Programmer.StopAsync(TimeSpan.FromMilliseconds(50));
        await Task.WhenAll(calls.Select(c => c.ContinueWith(_ => { }, TaskScheduler.Default))).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.All(calls, c => Assert.True(c.IsFaulted));
        Assert.True(last.IsCompleted);
        await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(50, 50)));
        core.Target.NextFault = () => TargetFault.None;
        await core.RestartAsync();
        Assert.Empty(await core.SettledAsync());
    }

    [Fact]
    public async Task A_stop_completes_queued_requests_and_keeps_the_entries()
    {
        await using var core = await CoreHarness.StartAsync();
        Task<AttachOutcome>[] calls = [.. Enumerable.Range(1, 50).Select(i => core.AttachAsync(TestNode.Pod(i, (ulong)i)))];
        await core.Programmer.StopAsync(TimeSpan.FromSeconds(30));
        await Task.WhenAll(calls);
        Assert.Equal(250, core.EndpointRows.Count);
        Assert.Equal(0, new FileInfo(core.DatabasePath + "-wal").Length);
        Assert.False(core.Programmer.IsHealthy);
        await core.RestartAsync();
        Assert.Equal(50, (await core.SettledAsync()).Count);
    }

    [Fact]
    public async Task A_cancelled_request_is_withdrawn_only_while_it_is_queued()
    {
        await using var core = await CoreHarness.StartAsync(options: o => o with { MaxBatch = 1 });
        var gate = new ManualResetEventSlim();
        core.Hook = p =>
        {
            if (p == CrashPoint.AfterAdmission)
            {
                gate.Wait();
            }
        };
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        Task late = core.Programmer.SubmitAsync(new AttachIntent(TestNode.Pod(1, 1)), first.Token);
        await core.UntilAsync(() => core.Programmer.Status.QueueLength == 0, "drained");
        Task early = core.Programmer.SubmitAsync(new AttachIntent(TestNode.Pod(2, 2)), second.Token);
        await first.CancelAsync();
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => late);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => early);
        core.Hook = _ => { };
        gate.Set();
        await core.AttachAsync(TestNode.Pod(3, 3));
        Assert.Equal([TestNode.Key(1), TestNode.Key(3)], (await core.SettledAsync()).Select(v => v.Endpoint.Key));
    }

    [Fact]
    public async Task An_unexpected_error_fails_the_batch_and_the_state_is_reloaded_from_the_store()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        var thrown = false;
        core.Hook = p =>
        {
            if (p == CrashPoint.AfterAdmission && !thrown)
            {
                thrown = true;
                throw new InvalidOperationException("a bug");
            }
        };
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(2, 2)));
        Assert.Equal(IntentError.Internal, e.Code);
        await core.ReadyAsync();
        await core.UntilAsync(() => core.Programmer.Status.Ready, "ready");
        await core.AttachAsync(TestNode.Pod(3, 3));
        Assert.Equal(2, (await core.SettledAsync()).Count);
        Assert.True(core.Programmer.IsHealthy);
    }

    [Fact]
    public async Task A_failed_commit_fails_only_its_request()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1, 1));
        core.Store.BeforeCommit = () =>
            throw new InfraManager.Store.StoreException(InfraManager.Store.StoreFailure.Full, "store x: the disk is full");
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(TestNode.Pod(2, 2)));
        Assert.Equal((IntentError.ResourceExhausted, "store x: the disk is full"), (e.Code, e.Message));
        await Assert.ThrowsAsync<IntentException>(() => core.DetachAsync(TestNode.Pod(1), 3));
        Assert.Equal("store x: the disk is full", core.Programmer.Status.StoreProblem);
        Assert.Single(core.Programmer.Endpoints);
        core.Store.BeforeCommit = null;
        await core.AttachAsync(TestNode.Pod(2, 4));
        Assert.Equal(2, (await core.SettledAsync()).Count);
        Assert.Equal("", core.Programmer.Status.StoreProblem);
    }

    /// <summary>Submits calls so that they form one batch.</summary>
    private static async Task<Task<AttachOutcome>[]> BatchAsync(CoreHarness core, params Func<Task<AttachOutcome>>[] calls)
    {
        var gate = new ManualResetEventSlim();
        core.Hook = p =>
        {
            if (p == CrashPoint.BeforeComplete)
            {
                gate.Wait();
            }
        };
        var first = core.DetachAsync(TestNode.Pod(999));
        await core.UntilAsync(() => core.Programmer.Status.QueueLength == 0, "drained");
        Task<AttachOutcome>[] running = [.. calls.Select(c => c())];
        core.Hook = _ => { };
        gate.Set();
        await first;
        await Task.WhenAll(running.Select(r => r.ContinueWith(_ => { }, TaskScheduler.Default)));
        return running;
    }

    private static Entry Route(int ip, int port) => TestPipeline.Artifacts.Pipeline.Table("pods").NewEntry()
        .Exact("dst_ip", TestNode.Ip(ip).GetAddressBytes()).Action("to_pod").Param("port", (ulong)port).Param("src_mac", 1)
        .Param("dst_mac", 2).Build();
}
