using ACCOffload.Crash.Tests.Pods;
using ACCOffload.Crash.Tests.Rpc;

namespace ACCOffload.Crash.Tests.Faults;

/// <summary>A short soak with hostile peers: the guarantees to the legitimate client hold, even while daemons are killed.</summary>
public sealed class HostileTests(ITestOutputHelper output)
{
    private const int MinActions = 100;

    [Fact]
    public async Task Acknowledged_requests_hold_with_hostile_peers()
    {
        Needs.Lab();
        await using var node = await RpcNode.StartAsync(services: true);
        await node.StartHostileAsync(RunSettings.Seed);
        var rounds = new RpcRounds(node, RunSettings.Seed);
        for (var i = 0; i < 6 || node.Hostile!.Sent < MinActions; i++)
        {
            await rounds.RunAsync(i, i % 3 == 2 ? Victims.Manager : Victims.None);
        }

        output.WriteLine($"crash hostile, seed {RunSettings.Seed}: {rounds.Rounds} rounds, {rounds.Kills} kills, {rounds.Acknowledged} "
            + $"acknowledged; {node.Hostile}");
        Assert.Null(node.Hostile.Problem);
        Assert.Null(node.Leaks.Problem);
        Assert.True(rounds.Acknowledged > rounds.Rounds * RpcRounds.Requests / 4,
            "too few requests of the legitimate client were acknowledged");
    }

    [Fact]
    public async Task Pods_are_added_and_deleted_with_hostile_peers()
    {
        Needs.Lab();
        await using var node = await PodNode.StartAsync(20);
        await node.StartHostileAsync(RunSettings.Seed);
        var rounds = new PodRounds(node, RunSettings.Seed);
        for (var i = 0; i < 2 || node.Hostile!.Sent < MinActions; i++)
        {
            await rounds.RunAsync(i, Victims.Manager | Victims.Agent);
        }

        output.WriteLine($"crash hostile, seed {RunSettings.Seed}: {rounds.Rounds} rounds, {rounds.Kills} kills; {node.Hostile}");
        Assert.Null(node.Hostile.Problem);
        Assert.Null(node.Leaks.Problem);
    }
}
