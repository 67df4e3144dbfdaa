using System.Diagnostics;
using ACCOffload.Crash.Tests.Targets;

namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>
/// The same rounds on a target that can't modify rows, acknowledges writes it ignores and loses everything when it dies.
/// </summary>
public sealed class FaithfulCrashTests(ITestOutputHelper output)
{
    private const int Requests = 150;

    [Fact]
    public async Task Acknowledged_requests_survive_kills_on_infrap4d()
    {
        Needs.Lab();
        await using var node = await RpcNode.StartAsync(services: true, device: lab => new FaithfulCrashTarget(lab));
        var rounds = new RpcRounds(node, RunSettings.Seed, Requests);
        var clock = Stopwatch.StartNew();

        for (var i = 0; i < CrashSettings.FaithfulRounds; i++)
        {
            await rounds.RunAsync(i, (i % 8) switch
            {
                0 => Victims.None,
                3 => Victims.Target,
                6 => Victims.Manager | Victims.Target,
                _ => Victims.Manager,
            });
        }

        output.WriteLine($"crash faithful, seed {RunSettings.Seed}: {rounds.Rounds} rounds of {Requests} requests in "
            + $"{clock.Elapsed.TotalSeconds:0} s, {rounds.Kills} kills, "
            + $"{rounds.Acknowledged} acknowledged, {rounds.Unanswered} unanswered, {node.Cluster!.Changes} service changes");
        Assert.Null(node.Leaks.Problem);
        Assert.True(rounds.Unanswered > 0, "too few requests were in progress when processes were killed");
    }
}
