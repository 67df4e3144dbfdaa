using ACCOffload.HostStub.TestKit;

namespace ACCOffload.HostStub.Tests;

public sealed class CrashTests
{
    [Theory]
    [InlineData("add.claimed")]
    [InlineData("add.made")]
    [InlineData("add.attached")]
    public async Task An_interrupted_Add_leaves_nothing_after_the_restart(string step)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        var pod = lab.NewPod();
        await lab.StartCrashingAgentAsync(step);

        (await lab.RunAsync("ADD", pod)).Failed(11);
        await lab.WaitProcessEndAsync();
        await lab.StartAgentAsync();

        await Eventually.TrueAsync(
            () =>
                lab.Agent!.Services.Claims.All().Count == 0, () => "the incomplete attachment is removed; "
                    + $"log:\n{string.Join('\n', lab.Log.Lines)}");
        lab.AssertNothingLeft();
        (await lab.RunAsync("ADD", pod)).Succeeded();
    }

    [Fact]
    public async Task An_Add_that_completed_without_a_response_stays_until_the_runtimes_Del()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        var pod = lab.NewPod();
        await lab.StartCrashingAgentAsync("add.recorded");

        (await lab.RunAsync("ADD", pod)).Failed(11);
        await lab.WaitProcessEndAsync();
        await lab.StartAgentAsync();

        Assert.Single(lab.Acc.Model.Pods);
        Assert.Single(lab.DataPlaneLinks());
        (await lab.RunAsync("DEL", pod)).Succeeded();
        lab.AssertNothingLeft();
    }

    [Theory]
    [InlineData("del.detached")]
    [InlineData("del.released")]
    [InlineData("del.done")]
    public async Task An_interrupted_Del_is_completed_after_the_restart(string step)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        var pod = lab.NewPod();
        await lab.StartCrashingAgentAsync(step);
        (await lab.RunAsync("ADD", pod)).Succeeded();

        // The plugin stores it, because the runtime may not repeat it.
        (await lab.RunAsync("DEL", pod)).Succeeded();
        await lab.WaitProcessEndAsync();
        await lab.StartAgentAsync();

        await Eventually.TrueAsync(
            () => lab.Agent!.Services.Claims.All().Count == 0, () => $"the removal is finished; log:\n{string.Join('\n', lab.Log.Lines)}");
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task Random_kills_under_load_leak_nothing_and_lose_no_pod()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        var pods = Enumerable.Range(0, 8).Select(_ => lab.NewPod()).ToArray();
        for (var round = 0; round < 4; round++)
        {
            await lab.StartCrashingAgentAsync("");
            var working = Task.WhenAll(pods.Select(p => Task.Run(async () =>
            {
                var added = await lab.RunAsync("ADD", p);
                return added.ExitCode == 0 && Random.Shared.Next(2) == 0 && (await lab.RunAsync("DEL", p)).ExitCode == 0
                    ? "deleted"
                    : added.ExitCode == 0
                    ? "added"
                    : "failed";
            })));
            await Task.WhenAny(working, Task.Delay(Random.Shared.Next(20, 600)));
            lab.KillProcess();
            await lab.WaitProcessEndAsync();
            var outcomes = await working;

            await lab.StartAgentAsync();
            // What the runtime was told is true, or will be after the stored DELs; a DEL without a response may have been executed.
            var deleted = pods.Where((_, i) => outcomes[i] == "deleted").Select(p => p.ContainerId).ToHashSet();
            await Eventually.TrueAsync(() => !lab.Acc.Model.Pods.Any(e => deleted.Contains(e.Key.ContainerId)), "what was deleted is gone");
            foreach (var pod in pods)
            {
                (await lab.RunAsync("DEL", pod)).Succeeded();
            }

            await Eventually.TrueAsync(() => lab.Agent!.Services.Claims.All().Count == 0, "no claim is left");
            lab.AssertNothingLeft();
            await lab.StopAgentAsync();
        }
    }
}
