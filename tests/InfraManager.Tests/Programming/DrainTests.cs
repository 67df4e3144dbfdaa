using System.Net.Sockets;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>Pods of other nodes that leave a service's slices but keep running.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task A_draining_pod_keeps_its_connections_across_a_restart_until_its_timeout()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1), TestService.RemotePod(2)));
        var before = Assert.Single(Backends(core, 2));
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1)));
        Assert.Equal(before.Replace("to_backend", "drain_backend", StringComparison.Ordinal), Assert.Single(Backends(core, 2)));
        Assert.Equal(ServiceTables.Expect([TestService.Of(1, TestService.RemotePod(1))]), ServiceTables.Render(core.Target.Rows));
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Single(Backends(core, 2));
        core.Time.Shift = TimeSpan.FromSeconds(ServicePlanner.MaxDrainSeconds - 60);
        await Task.Delay(100);
        Assert.Single(Backends(core, 2));
        core.Time.Shift = TimeSpan.FromSeconds(ServicePlanner.MaxDrainSeconds + 1);
        await core.UntilAsync(() => Backends(core, 2).Length == 0, "the backend is deleted");
        await core.SettledAsync();
        Assert.Equal(ServiceTables.Expect([TestService.Of(1, TestService.RemotePod(1))]), ServiceTables.Render(core.Target.Rows));
        // And it does not come back.
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Empty(Backends(core, 2));
    }

    [Fact]
    public async Task A_removed_service_is_deleted_with_its_last_draining_pod()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1)));
        await core.RemoveAsync(TestService.Key(1));
        Assert.Single(Backends(core, 1));
        core.Time.Shift = TimeSpan.FromSeconds(ServicePlanner.MaxDrainSeconds + 1);
        await core.UntilAsync(() => core.Programmer.Services.Count == 0, "the service is gone");
        await core.SettledAsync();
        Assert.Equal("", ServiceTables.Render(core.Target.Rows));
    }

    [Fact]
    public async Task Draining_ends_when_a_pod_of_any_service_takes_the_address()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1), TestService.RemotePod(2)));
        var endpoint = Assert.Single(Rows(core, "endpoints", 2));
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1)));
        // The same pod in another service: it is still alive.
        await core.SetAsync(TestService.Of(2, TestService.RemotePod(2, port: 9090)));
        Assert.Single(Backends(core, 2), b => b.Contains("drain_backend", StringComparison.Ordinal));
        // Another pod with the address, not ready yet, on another port.
        await core.SetAsync(TestService.Of(3, TestService.RemotePod(2, ready: false, port: 7070, uid: 99)));
        Assert.DoesNotContain(Backends(core, 2), b => b.Contains("drain_backend", StringComparison.Ordinal));
        Assert.DoesNotContain(endpoint, Rows(core, "endpoints", 2));
        await core.SettledAsync();
        // Another pod in the same service is a new incarnation, with its own IDs.
        await core.SetAsync(TestService.Of(1));
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(1, uid: 98)));
        await core.SettledAsync();
        Assert.Single(Backends(core, 1), b => b.Contains("to_backend", StringComparison.Ordinal));
        Assert.Single(Rows(core, "endpoints", 1));
    }

    [Fact]
    public async Task Pods_on_the_host_network_that_share_an_address_drain_independently()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.SetAsync(TestService.Of(1, TestService.RemotePod(5, port: 8080, uid: 1)));
        var other = TestService.Of(2, TestService.RemotePod(5, port: 9090, uid: 2));
        await core.SetAsync(other);
        await core.SetAsync(TestService.Of(1));
        await core.SetAsync(
            other with
            {
                Ports = [.. other.Ports,
                TestService.Port(2, ProtocolType.Tcp, 81, TestService.RemotePod(5, port: 9090, uid: 2))]
            });
        Assert.Single(Backends(core, 5), b => b.Contains("drain_backend", StringComparison.Ordinal));
    }

    [Fact]
    public void The_oldest_draining_pods_are_dropped_beyond_the_limit()
    {
        var model = new NetworkModel();
        var time = new ShiftedTime();
        var judge = new ServiceAdmission(model, TestNode.Settings, time);
        Set(TestService.Of(1, TestService.RemotePod(1), TestService.RemotePod(2)));
        Set(TestService.Of(1, TestService.RemotePod(2)));
        time.Shift = TimeSpan.FromSeconds(10);
        Set(TestService.Of(1));
        time.Shift = TimeSpan.FromSeconds(20);
        Backend[] many = [.. Enumerable.Range(10, ServiceAdmission.MaxDrains - 2).Select(i => TestService.RemotePod(i))];
        Set(TestService.Of(2, many));
        Set(TestService.Of(2));
        Assert.Equal(ServiceAdmission.MaxDrains, model.Services.Drains.Count);
        Assert.Equal(2, model.Services.Find(TestService.Key(1))!.Ports[0].Backends.Count);
        Set(TestService.Of(3, TestService.RemotePod(3)));
        time.Shift = TimeSpan.FromSeconds(30);
        Set(TestService.Of(3));
        Assert.Equal(ServiceAdmission.MaxDrains, model.Services.Drains.Count);
        Assert.Equal(TestService.RemotePod(2).Key, Assert.Single(model.Services.Find(TestService.Key(1))!.Ports[0].Backends).Key);

        void Set(ServiceSpec spec)
        {
            var mark = model.Mark;
            judge.Set(new ServiceIntent(spec.Key, spec), new AdmissionContext());
            judge.Follow(mark);
            model.Forget();
        }
    }

    private static string[] Backends(CoreHarness core, int number) => Rows(core, "backends", number);

    private static string[] Rows(CoreHarness core, string table, int number) =>
        [.. core.Target.Rows.Where(r => r.Table.Alias == table).Select(r => r.ToString())
            .Where(r => r.Contains($"10.250.0.{number},", StringComparison.Ordinal)
                || r.Contains($"10.250.0.{number} ", StringComparison.Ordinal))];
}
