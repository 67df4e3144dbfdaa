using ACCOffload.Crash.Tests.Rpc;
using ACCOffload.TestKit.Labs;
using Grpc.Core;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>Another controller becomes primary, changes the tables and disconnects.</summary>
public sealed class StolenRoleTests
{
    [Fact]
    public async Task A_backup_rejects_an_attach_and_repairs_the_tables_as_primary()
    {
        Needs.Lab();
        await using var node = await RpcNode.StartAsync();
        var held = Enumerable.Range(0, 30).Select(i => PodSpec.Of(i, 0)).ToHashSet();
        await Task.WhenAll(held.Select((spec, i) => node.AttachAsync(spec, i)));

        await using (var intruder = await RawP4Runtime.ConnectAsync(node.Lab.TargetSocket))
        {
            await Eventually.TrueAsync(async () => (await node.StatusAsync()).TargetState == "backup",
                "InfraManager reports that it is backup");
            var status = await node.Lab.ControlAsync("status");
            Assert.False((bool)status["ready"]!);
            Assert.Contains("another controller is primary", (string?)status["targetReason"]);

            var commits = (long)status["commits"]!;
            var refused = await Assert.ThrowsAsync<RpcException>(() => node.AttachAsync(PodSpec.Of(100, 0)));
            Assert.Equal(StatusCode.Unavailable, refused.StatusCode);
            Assert.Contains("another controller is primary", refused.Status.Detail);
            Assert.DoesNotContain('\n', refused.Status.Detail);
            Assert.Equal(commits, (long)(await node.Lab.ControlAsync("status"))["commits"]!);

            // Removing a pod must not depend on the primary role.
            Assert.True(await node.DetachAsync(PodSpec.Of(0, 0)));
            held.Remove(PodSpec.Of(0, 0));
            await intruder.DropFirstAndAddForeignRowAsync("pods", [10, 9, 9, 9]);
            await intruder.DropFirstAndAddForeignRowAsync("local_sources", [10, 9, 9, 9]);
        }

        await node.SettledAsync();
        await node.AssertTablesEqualAsync(held);
        await node.AttachAsync(PodSpec.Of(100, 0));
        held.Add(PodSpec.Of(100, 0));
        Assert.True(held.SetEquals(await node.EndpointsAsync()));
        await node.AssertTablesEqualAsync(held);
    }

    [Fact]
    public async Task Acknowledged_requests_hold_when_the_primary_role_changes()
    {
        Needs.Lab();
        await using var node = await RpcNode.StartAsync(services: true);
        var rounds = new RpcRounds(node, RunSettings.Seed);
        for (var i = 0; i < 4; i++)
        {
            RawP4Runtime? intruder = null;
            await rounds.RunAsync(
                i,
                Victims.None,
                injectFault: () => intruder = RawP4Runtime.ConnectAsync(node.Lab.TargetSocket).GetAwaiter().GetResult(),
                removeFault: () => intruder!.DisposeAsync().AsTask().GetAwaiter().GetResult());
        }
    }
}
