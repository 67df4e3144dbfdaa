using System.Diagnostics;

namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>Kills under hundreds of concurrent requests: the guarantees hold after each.</summary>
public sealed class RpcCrashTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Acknowledged_requests_survive_kills()
    {
        Needs.Lab();
        await using var node = await RpcNode.StartAsync(services: true);
        var rounds = new RpcRounds(node, RunSettings.Seed);
        var clock = Stopwatch.StartNew();
        var total = CrashSettings.RpcRounds;

        // First, only the target is killed, so that leaks in InfraManager add up; then only InfraManager; then either or both.
        for (var i = 0; i < 10; i++)
        {
            await rounds.RunAsync(-1 - i, i % 3 == 1 ? Victims.Target : Victims.None);
        }

        for (var i = 0; i < total; i++)
        {
            await rounds.RunAsync(i, i < total * 3 / 5 ? Victims.Manager : (i % 5) switch
            {
                0 or 1 => Victims.Manager,
                2 => Victims.Target,
                _ => Victims.Manager | Victims.Target,
            });
        }

        output.WriteLine($"crash rpc, seed {RunSettings.Seed}: {rounds.Rounds} rounds of {RpcRounds.Requests} requests in "
            + $"{clock.Elapsed.TotalSeconds:0} s, "
            + $"{rounds.Kills} kills, {rounds.Acknowledged} acknowledged, {rounds.Unanswered} unanswered, {node.Cluster!.Changes} service "
            + $"changes; largest WAL {node.Leaks.LargestWal >> 10} KiB");
        Assert.Null(node.Leaks.Problem);
        Assert.InRange(node.Leaks.LongestRun("inframanager"), 9, int.MaxValue);
        Assert.InRange(node.Leaks.LongestRun("soft target"), total * 3 / 5, int.MaxValue);
        Assert.True(rounds.Unanswered > total, "too few requests were in progress when processes were killed");
    }
}
