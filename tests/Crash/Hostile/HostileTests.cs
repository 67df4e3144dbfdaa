using ACCOffload.Crash.Pods;
using ACCOffload.Crash.Rpc;
using ACCOffload.Integration;

namespace ACCOffload.Crash.Hostile;

/// <summary>A short soak with hostile peers: the promises to the legitimate client hold beside them, also while daemons are killed.</summary>
public sealed class HostileTests(ITestOutputHelper output)
{
    private const int LeastActs = 100;

    [RootFact]
    public async Task Requests_hold_beside_hostile_peers()
    {
        await using var node = await RpcNode.StartAsync(services: true);
        await node.StartHostileAsync(CrashSettings.Seed);
        var rounds = new RpcRounds(node, CrashSettings.Seed);
        for (var i = 0; i < 6 || node.Hostile!.Sent < LeastActs; i++)
        {
            await rounds.RunAsync(i, i % 3 == 2 ? Victims.Manager : Victims.None);
        }

        output.WriteLine($"crash hostile, seed {CrashSettings.Seed}: {rounds.Rounds} rounds, {rounds.Kills} kills, {rounds.Acknowledged} acknowledged; {node.Hostile}");
        Assert.Null(node.Hostile.Problem);
        Assert.Null(node.Leaks.Problem);
        Assert.True(rounds.Acknowledged > rounds.Rounds * RpcRounds.Requests / 4, "the legitimate client was served");
    }

    [RootFact]
    public async Task Pods_come_and_go_beside_hostile_peers()
    {
        await using var node = await PodNode.StartAsync(20);
        await node.StartHostileAsync(CrashSettings.Seed);
        var rounds = new PodRounds(node, CrashSettings.Seed);
        for (var i = 0; i < 2 || node.Hostile!.Sent < LeastActs; i++)
        {
            await rounds.RunAsync(i, Victims.Manager | Victims.Agent);
        }

        output.WriteLine($"crash hostile, seed {CrashSettings.Seed}: {rounds.Rounds} rounds, {rounds.Kills} kills; {node.Hostile}");
        Assert.Null(node.Hostile.Problem);
        Assert.Null(node.Leaks.Problem);
    }
}
