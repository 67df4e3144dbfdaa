using System.Diagnostics;

namespace ACCOffload.Crash.Tests.Pods;

/// <summary>Kills the daemons while a runtime adds and deletes pods.</summary>
public sealed class PodCrashTests(ITestOutputHelper output)
{
    private const int Pods = 50;

    [Fact]
    public async Task Kills_while_pods_are_added_and_deleted_lose_and_leak_nothing()
    {
        Needs.Lab();
        await using var node = await PodNode.StartAsync(Pods);
        var rounds = new PodRounds(node, RunSettings.Seed);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < CrashSettings.PodRounds; i++)
        {
            await rounds.RunAsync(i, i % 5 is 2 or 4 ? Victims.Manager | Victims.Agent | Victims.Target : Victims.Manager | Victims.Agent);
        }

        output.WriteLine($"crash pods, seed {RunSettings.Seed}: {rounds.Rounds} rounds of {Pods} pods in {clock.Elapsed.TotalSeconds:0} "
            + $"s, {rounds.Kills} kills, "
            + $"{rounds.Runtime.FailedAdds} failed ADDs and {rounds.Runtime.FailedDels} failed DELs, {rounds.PacketsSent} packets between "
            + $"the permanent pods");
        foreach (var error in rounds.Runtime.Errors.Order())
        {
            output.WriteLine(error);
        }

        Assert.Null(node.Leaks.Problem);
        Assert.True(rounds.Runtime.FailedAdds > 0, "no ADD failed: the kills missed the ADDs");
    }
}
