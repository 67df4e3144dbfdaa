using System.Net.Sockets;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Programming;

/// <summary>The table entries of host ports share one commit and one reply with those of their pod.</summary>
public sealed class HostPortEntryTests
{
    private static readonly string[] Lines =
    [
        "192.0.2.10:8080/6 inside: [10.244.0.1:80] affinity 0 pool 0",
        "192.0.2.10:8080/6 outside: [10.244.0.1:80] affinity 0 pool 0",
    ];

    [Fact]
    public async Task Host_ports_are_on_the_target_after_a_restart_without_a_write_and_go_with_the_pod()
    {
        await using var core = await CoreHarness.StartAsync();
        await core.AttachAsync(Pod(1));
        Assert.Equal(Lines, ServiceTables.Render(core.Target.Rows).Split('\n'));
        var updates = core.Target.Updates;
        await core.RestartAsync();
        await core.SettledAsync();
        Assert.Equal(updates, core.Target.Updates);
        core.Target.Restart();
        await core.SettledAsync();
        Assert.Equal(Lines, ServiceTables.Render(core.Target.Rows).Split('\n'));
        await core.DetachAsync(Pod(1));
        await core.SettledAsync();
        Assert.Equal("", ServiceTables.Render(core.Target.Rows));
        Assert.Empty(core.Programmer.Services);
    }

    [Fact]
    public async Task A_refused_entry_of_a_host_port_fails_the_pods_request_completely()
    {
        await using var core = await CoreHarness.StartAsync();
        core.Target.Refuses = u => u.Entry.Table.Alias == "frontends" ? StatusCode.ResourceExhausted : StatusCode.OK;
        var e = await Assert.ThrowsAsync<IntentException>(() => core.AttachAsync(Pod(1)));
        Assert.Equal(IntentError.ResourceExhausted, e.Code);
        await core.AttachAsync(TestNode.Pod(2));
        Assert.Equal(TestNode.Key(2), Assert.Single(await core.SettledAsync()).Endpoint.Key);
        Assert.Empty(core.Programmer.Services);

        // In a Sync, only that pod fails.
        var sync = await core.SyncAsync(TestNode.Sync(3, Pod(1) with { Sequence = 1, Epoch = 1 }, TestNode.Pod(2, 2)));
        Assert.Equal(TestNode.Key(1), Assert.Single(sync.Failures).Key);
        Assert.Single(await core.SettledAsync());
        core.Target.Refuses = _ => StatusCode.OK;
        await core.AttachAsync(Pod(1) with { Sequence = 4, Epoch = 1 });
        await core.SettledAsync();
        Assert.Equal(Lines, ServiceTables.Render(core.Target.Rows).Split('\n'));
    }

    [Fact]
    public async Task A_crash_at_any_point_leaves_both_or_neither()
    {
        foreach (var point in new[] { CrashPoint.AfterAdmission, CrashPoint.AfterCommit, CrashPoint.BeforeComplete })
        {
            await using var core = await CoreHarness.StartAsync();
            core.Hook = p =>
            {
                if (p == point)
                {
                    throw new SimulatedCrashException();
                }
            };
            var attach = core.AttachAsync(Pod(1));
            await core.UntilAsync(() => core.Programmer.Completion.IsCompleted, "the crash");
            await core.EndHookAsync();
            await core.RestartAsync();
            await core.SettledAsync();
            Assert.Equal(core.Programmer.Endpoints.Count, core.Programmer.Services.Count);
            Assert.Equal(point == CrashPoint.AfterAdmission ? 0 : 1, core.Programmer.Services.Count);
            Assert.False(attach.IsCompletedSuccessfully);
        }
    }

    private static EndpointSpec Pod(int number) =>
        TestNode.Pod(number) with { HostPorts = [new HostPort(ProtocolType.Tcp, 8080, 80, null)] };
}
