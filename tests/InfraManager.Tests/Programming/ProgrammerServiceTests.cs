using System.Net;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Programming;

public sealed class ProgrammerServiceTests
{
    [Fact]
    public async Task Acknowledged_services_are_on_the_target_and_a_crash_causes_no_writes()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(2)));
        await core.SetAsync(TestService.Of(2, TestService.Remote(2), TestService.Host()));
        var said = ServiceTables.Render(core.Target.Rows);
        Assert.Equal(
            ServiceTables.Expect([TestService.Of(1, TestService.Pod(1), TestService.Remote(2)),
                TestService.Of(2, TestService.Remote(2), TestService.Host())]), said);
        var rows = Text(core.Target.Rows);
        var updates = core.Target.Updates;
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(rows, Text(core.Target.Rows));
        Assert.Equal(updates, core.Target.Updates);
        await core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(2)));
        Assert.Equal(updates, core.Target.Updates);
    }

    [Fact]
    public async Task Services_are_restored_to_a_target_that_lost_everything()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Pod(1)));
        var rows = Text(core.Target.Rows);
        core.Target.Restart();
        await core.SettledAsync();
        Assert.Equal(rows, Text(core.Target.Rows));
    }

    [Fact]
    public async Task The_row_of_a_shared_backend_is_deleted_with_its_last_service()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(7)));
        await core.SetAsync(TestService.Of(2, TestService.Remote(7), TestService.Remote(8)));
        var shared = Assert.Single(Rows(core, "endpoints"), r => r.Contains("10.250.0.7", StringComparison.Ordinal));
        await core.RemoveAsync(TestService.Key(1));
        Assert.Contains(shared, Rows(core, "endpoints"));
        await core.RestartAsync();
        await core.SettledAsync();
        await core.SetAsync(TestService.Of(3, TestService.Remote(7)));
        Assert.Contains(shared, Rows(core, "endpoints"));
        await core.RemoveAsync(TestService.Key(2));
        await core.RemoveAsync(TestService.Key(3));
        Assert.Empty(Rows(core, "endpoints"));
        Assert.Empty(Rows(core, "services"));
        // When the address is used again, it gets a new ID.
        await core.SetAsync(TestService.Of(1, TestService.Remote(7)));
        Assert.DoesNotContain(shared, Rows(core, "endpoints"));
    }

    [Fact]
    public async Task A_changed_endpoint_writes_only_its_own_rows()
    {
        async Task<(int First, int Second)> CostAsync(int others)
        {
            await using var core = await CoreHarness.StartAsync();
            await Task.WhenAll(Enumerable.Range(100, others)
                .Select(i => core.SetAsync(TestService.Of(i, [.. Enumerable.Range(0, 5).Select(b => TestService.Remote((i * 5) + b))]))));
            Backend[] backends = [.. Enumerable.Range(1, 10).Select(i => TestService.Remote(i))];
            await core.SetAsync(TestService.Of(1, backends));
            var before = core.Target.Updates;
            await core.SetAsync(TestService.Of(1, [.. backends.Skip(1), TestService.Remote(11)]));
            var first = core.Target.Updates - before;
            await core.SetAsync(TestService.Of(1, [.. backends.Skip(2), TestService.Remote(11), TestService.Remote(12)]));
            return (first, core.Target.Updates - before - first);
        }

        // Two rows of the new backend, two of the old one, its bucket and its succession bucket. The first change also writes the whole
        // succession and the two service rows that give its size.
        Assert.Equal((17, 6), await CostAsync(0));
        Assert.Equal((17, 6), await CostAsync(300));
    }

    [Fact]
    public async Task Flows_are_redirected_before_their_backend_is_drained_or_deleted()
    {
        await using var core = await CoreHarness.StartAsync();
        var written = new List<string>();
        core.Target.Refuses = u =>
        {
            written.Add($"{u.Kind} {u.Entry.Table.Alias} {u.Entry.Action.Alias}");
            return StatusCode.OK;
        };
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(2)));
        written.Clear();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(2, ready: false), TestService.Remote(3)));
        // The buckets have the same rank, so they come in any order.
        Assert.Equal(
            ["Insert endpoints endpoint", "Insert backends to_backend", "buckets", "Modify services balance",
                "Modify backends drain_backend"],
            written.Select(w => w.EndsWith("bucket_backend", StringComparison.Ordinal) ? "buckets" : w).Distinct());
        written.Clear();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        // Flows that moved get another path before the backend is deleted, and no bucket is deleted that new flows may still look up.
        Assert.Equal(["Modify buckets bucket_backend", "Modify services balance"], written.Distinct().Take(2));
        Assert.Equal(["Delete backends", "Delete buckets", "Delete endpoints"],
            written.Where(w => w.StartsWith("Delete", StringComparison.Ordinal)).Select(w => string.Join(' ', w.Split(' ')[..2]))
                .Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_next_owner_of_a_detached_pods_address_receives_none_of_its_flows()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(2)));
        await core.SetAsync(TestService.Of(2, TestService.Pod(1)));
        var first = Rows(core, "endpoints", "10.244.0.1");
        var backends = Rows(core, "backends", "10.244.0.1");
        Assert.Single(first);
        Assert.Equal(2, backends.Length);
        await core.DetachAsync(TestNode.Pod(1));
        var gone = Rows(core, "endpoints", "10.244.0.1");
        Assert.NotEqual(first, gone);
        Assert.Empty(Rows(core, "backends", "10.244.0.1").Intersect(backends));
        // Another pod with the same address, before the cluster reports it.
        await core.AttachAsync(TestNode.Pod(3, ip: 1));
        Assert.Empty(Rows(core, "endpoints", "10.244.0.1").Intersect(first).Union(Rows(core, "endpoints", "10.244.0.1").Intersect(gone)));
        await core.SettledAsync();
        var said = ServiceTables.Render(core.Target.Rows);
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(said, ServiceTables.Render(core.Target.Rows));
    }

    [Fact]
    public async Task A_pod_is_reachable_only_after_the_rows_of_the_addresss_former_owner_are_deleted()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(2)));
        var written = new List<string>();
        core.Target.Refuses = u =>
        {
            written.Add($"{u.Kind} {u.Entry.Table.Alias}");
            return StatusCode.OK;
        };
        // Both in one batch: the programmer is held in the previous batch until they are queued.
        using var held = new ManualResetEventSlim();
        using var holds = new ManualResetEventSlim();
        core.Hook = p =>
        {
            if (p != CrashPoint.AfterAdmission || holds.IsSet)
            {
                return;
            }

            holds.Set();
            held.Wait();
        };
        var other = core.AttachAsync(TestNode.Pod(2));
        await core.UntilAsync(() => holds.IsSet, "held");
        var detached = core.DetachAsync(TestNode.Pod(1));
        var attached = core.AttachAsync(TestNode.Pod(3, ip: 1));
        written.Clear();
        held.Set();
        await Task.WhenAll(other, detached, attached);
        await core.SettledAsync();
        var opened = written.FindLastIndex(w => w is "Insert pods" or "Modify pods");
        var closed = written.FindLastIndex(w => w == "Delete backends");
        Assert.True(closed >= 0 && opened > closed, string.Join(", ", written));
    }

    [Fact]
    public async Task A_removed_service_is_deleted_when_its_last_flow_ends()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.SetAsync(TestService.Of(1, TestService.Pod(1), TestService.Remote(2)));
        await core.RemoveAsync(TestService.Key(1));
        Assert.Equal($"10.96.0.1:80/6 inside{ServiceTables.GivenUp}\n10.96.0.1:80/6 outside{ServiceTables.GivenUp}",
            ServiceTables.Render(core.Target.Rows));
        Assert.Single(Rows(core, "backends"), r => r.Contains("drain_backend", StringComparison.Ordinal));
        var frontends = Rows(core, "frontends");
        // When the service is created again under another name, the address serves again and the old flows continue.
        var again = TestService.Of(1, TestService.Remote(3)) with { Key = TestService.Key(9) };
        await core.SetAsync(again);
        Assert.Equal(ServiceTables.Expect([again]), ServiceTables.Render(core.Target.Rows));
        // The frontend keeps its ID, which the old flows' entries use.
        Assert.Equal(frontends, Rows(core, "frontends"));
        await core.DetachAsync(TestNode.Pod(1));
        Assert.Equal(frontends, Rows(core, "frontends"));
        Assert.Single(core.Programmer.Services);
        await core.SettledAsync();
    }

    [Fact]
    public async Task A_frontend_still_serves_the_flows_of_its_former_services()
    {
        var Retired = $"10.96.0.1:80/6 inside{ServiceTables.GivenUp}\n10.96.0.1:80/6 outside{ServiceTables.GivenUp}";
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.AttachAsync(TestNode.Pod(2));
        ServiceSpec Owner(int number, params Backend[] backends) => TestService.Of(1, backends) with { Key = TestService.Key(number) };
        await core.SetAsync(Owner(1, TestService.Pod(1)));
        var kept = Rows(core, "frontends");
        await core.RemoveAsync(TestService.Key(1));
        await core.SetAsync(Owner(2, TestService.Remote(3)));
        await core.RemoveAsync(TestService.Key(2));
        Assert.Equal(Retired, ServiceTables.Render(core.Target.Rows));
        Assert.Equal(kept, Rows(core, "frontends"));
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(Retired, ServiceTables.Render(core.Target.Rows));

        // Three owners, the second of which also has flows: whoever is left keeps the row, whichever ends first.
        await core.SetAsync(Owner(2, TestService.Pod(2)));
        await core.RemoveAsync(TestService.Key(2));
        await core.SetAsync(Owner(3));
        Assert.Equal(ServiceTables.Expect([Owner(3)]), ServiceTables.Render(core.Target.Rows));
        Assert.Equal(kept, Rows(core, "frontends"));
        await core.RemoveAsync(TestService.Key(3));
        Assert.Equal(Retired, ServiceTables.Render(core.Target.Rows));
        await core.DetachAsync(TestNode.Pod(2));
        await core.SettledAsync();
        Assert.Equal(Retired, ServiceTables.Render(core.Target.Rows));
        Assert.Equal(kept, Rows(core, "frontends"));
        await core.DetachAsync(TestNode.Pod(1));
        await core.SettledAsync();
        Assert.Equal("", ServiceTables.Render(core.Target.Rows));
        Assert.Empty(Rows(core, "frontends"));
        Assert.Empty(core.Programmer.Services);
    }

    [Fact]
    public async Task A_frontend_that_moves_to_another_port_of_its_service_serves_the_flows_of_both()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        var node = new Frontend(IPAddress.Parse("192.0.2.10"), 30080, FrontendKind.NodePort, FlowTarget.Cluster, FlowTarget.Cluster,
            true, true, []);
        ServiceSpec Spec(params ServicePortSpec[] ports) => new(TestService.Key(1), [.. ports]);
        ServicePortSpec Port(ushort number, bool hasNodePort, Backend backend)
        {
            var port = TestService.Port(1, System.Net.Sockets.ProtocolType.Tcp, number, backend);
            return hasNodePort ? port with { Frontends = [.. port.Frontends, node] } : port;
        }

        await core.SetAsync(Spec(Port(80, true, TestService.Pod(1))));
        var id = Assert.Single(Rows(core, "frontends", "192.0.2.10"));
        var moved = Spec(Port(80, false, TestService.Pod(1)), Port(81, true, TestService.Remote(2)));
        await core.SetAsync(moved);
        Assert.Equal(ServiceTables.Expect([moved]), ServiceTables.Render(core.Target.Rows));
        // The service port that has the node port now is removed; connections through it to the other port's pod may still exist.
        await core.SetAsync(Spec(Port(80, false, TestService.Pod(1))));
        var said = ServiceTables.Render(core.Target.Rows);
        Assert.Contains($"192.0.2.10:30080/6 outside{ServiceTables.GivenUp}", said, StringComparison.Ordinal);
        Assert.Equal(id, Assert.Single(Rows(core, "frontends", "192.0.2.10")));
        await core.SetAsync(moved);
        Assert.Equal(ServiceTables.Expect([moved]), ServiceTables.Render(core.Target.Rows));
        await core.RemoveAsync(TestService.Key(1));
        await core.DetachAsync(TestNode.Pod(1));
        await core.SettledAsync();
        Assert.Equal("", ServiceTables.Render(core.Target.Rows));
    }

    [Fact]
    public async Task A_frontend_belongs_to_one_service()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        var thief = TestService.Of(1, TestService.Remote(2)) with { Key = TestService.Key(2) };
        var error = await Assert.ThrowsAsync<IntentException>(() => core.SetAsync(thief));
        Assert.Equal(IntentError.AlreadyExists, error.Code);
        Assert.Equal("ports[0].frontends[0]: 10.96.0.1:80/TCP belongs to service default/service-1", error.Message);
        await core.RemoveAsync(TestService.Key(1));
        await core.SetAsync(thief);
        await core.SettledAsync();
    }

    [Fact]
    public async Task A_refused_row_fails_only_its_own_service_and_leaves_nothing_behind()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.Remote(1)));
        core.Target.Refuses = u => u.Kind == UpdateKind.Insert && u.Entry.ToString().Contains("10.250.0.66", StringComparison.Ordinal)
            ? StatusCode.ResourceExhausted
            : StatusCode.OK;
        var good = core.SetAsync(TestService.Of(2, TestService.Remote(2)));
        var bad = core.SetAsync(TestService.Of(3, TestService.Remote(66), TestService.Remote(3)));
        var worse = core.SetAsync(TestService.Of(1, TestService.Remote(1), TestService.Remote(66)));
        await good;
        Assert.Equal(IntentError.ResourceExhausted, (await Assert.ThrowsAsync<IntentException>(() => bad)).Code);
        Assert.Equal(IntentError.ResourceExhausted, (await Assert.ThrowsAsync<IntentException>(() => worse)).Code);
        await core.SettledAsync();
        Assert.Equal(ServiceTables.Expect([TestService.Of(1, TestService.Remote(1)), TestService.Of(2, TestService.Remote(2))]),
            ServiceTables.Render(core.Target.Rows));
    }

    [Fact]
    public async Task While_the_target_is_unavailable_services_are_refused_and_removals_accepted()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(TestNode.Pod(1));
        await core.SetAsync(TestService.Of(1, TestService.Pod(1)));
        await core.SetAsync(TestService.Of(2, TestService.Remote(1)));
        core.Target.Disconnect();
        Assert.Equal(IntentError.Unavailable, (await Assert.ThrowsAsync<IntentException>(() => core.SetAsync(TestService.Of(3)))).Code);
        await core.RemoveAsync(TestService.Key(2));
        await core.DetachAsync(TestNode.Pod(1));
        core.Target.Connect();
        await core.SettledAsync();
        Assert.Equal(ServiceTables.Expect([TestService.Of(1, TestService.Pod(1))]), ServiceTables.Render(core.Target.Rows));
    }

    [Fact]
    public async Task Concurrent_services_share_commits()
    {
        await using var core = await CoreHarness.StartAsync();
        var commits = core.Programmer.Status.Commits;
        await Task.WhenAll(Enumerable.Range(1, 500).Select(i => core.SetAsync(TestService.Of(i, TestService.Remote(i)))));
        Assert.True(core.Programmer.Status.Commits - commits < 100, $"{core.Programmer.Status.Commits - commits} commits");
        await core.SettledAsync();
    }

    [Fact]
    public async Task Masquerading_settings_are_applied_and_durable()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.Programmer.SubmitAsync(new SnatAddressIntent(IPAddress.Parse("192.0.2.10")), default);
        await core.Programmer.SubmitAsync(new SnatPrefixIntent(IPNetwork.Parse("10.0.0.0/8"), true), default);
        await core.SettledAsync();
        var rows = Rows(core, "outgoing");
        Assert.Contains("outgoing dst_ip=10.0.0.0/8 -> keep_source()", rows);
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(rows, Rows(core, "outgoing"));
        await core.Programmer.SubmitAsync(new SnatPrefixIntent(IPNetwork.Parse("10.0.0.0/8"), false), default);
        await core.SettledAsync();
        Assert.Empty(Rows(core, "outgoing"));
        Assert.Equal("prefix",
            (await Assert.ThrowsAsync<IntentException>(() =>
                core.Programmer.SubmitAsync(new SnatPrefixIntent(IPNetwork.Parse("2001:db8::/32"), true), default))).Field);
    }

    private static string[] Rows(CoreHarness core, string table, string containing = "") =>
        [.. Text(core.Target.Rows)
            .Where(r => r.StartsWith(table + " ", StringComparison.Ordinal) && r.Contains(containing, StringComparison.Ordinal))];

    private static string[] Text(IEnumerable<Entry> rows) => [.. rows.Select(r => r.ToString()).Order(StringComparer.Ordinal)];
}
