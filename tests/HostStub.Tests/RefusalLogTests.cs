using ACCOffload.HostStub.TestKit;

namespace ACCOffload.HostStub.Tests;

/// <summary>The author of a network configuration can't flood the agent's journal.</summary>
public sealed class RefusalLogTests
{
    [Fact]
    public async Task Refusals_are_logged_with_limits_and_counted()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        for (var i = 0; i < 120; i++)
        {
            var wrong = $"/{i}\u001b[2J\r\n{new string('x', 3000)}";
            (await lab.RunAsync("ADD", pod, change: c => c["ipam"]!["type"] = wrong)).Failed(7);
        }
        var lines = lab.Log.Lines.Where(l => l.Contains("answered with error", StringComparison.Ordinal)).ToList();
        Assert.InRange(lines.Count, 1, 10);
        Assert.Contains(lines, l => l.Contains("100 more", StringComparison.Ordinal));
        Assert.All(lines, l => Assert.True(l.Length < 1000 && !l.Any(char.IsControl), l));
    }
}
