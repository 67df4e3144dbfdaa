using ACCOffload.NativeInterop;

namespace ACCOffload.HostStub.Tests;

/// <summary>Pods that go without a DEL: released when namespace and device are gone, and only then.</summary>
public sealed class DepartureTests
{
    [CniFact]
    public async Task What_is_gone_is_released_and_what_lives_or_can_not_be_seen_is_kept()
    {
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Agent"]!["VanishedSeconds"] = 1);
        var (gone, bereft, hidden, healthy) = (lab.NewPod(), lab.NewPod(), lab.NewPod(), lab.NewPod());
        foreach (var pod in (Pod[])[gone, bereft, hidden, healthy])
            (await lab.RunAsync("ADD", pod)).Succeeded();
        using (var ns = bereft.Open())
        using (var links = RouteNetlink.Open(ns))
            links.DeleteLink(links.GetLink("eth0")!.Index);
        lab.DeletePod(hidden);
        // As where a mount does not reach the agent: there is something at the path, which can't be opened as a namespace.
        await File.WriteAllTextAsync(hidden.Path, "");
        lab.DeletePod(gone);
        await Eventually.TrueAsync(() => lab.DataPlaneLinks().Count == 1, "the kernel removes the devices with the namespaces");

        // It looks at once after a start.
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Equal(3, lab.Agent!.Services.Claims.All().Count(c => c.Vanished));

        await Eventually.TrueAsync(() => lab.Agent.Services.Claims.All().Count == 3, () => string.Join('\n', lab.Log.Lines.TakeLast(30)));
        Assert.Equal(
            new[] { bereft, hidden, healthy }.Select(p => p.ContainerId).Order(),
            lab.Agent.Services.Claims.All().Select(c => c.Key.ContainerId).Order());
        Assert.Equal(3, lab.ReservedAddresses().Count);
        Assert.Equal(healthy.ContainerId, Assert.Single(lab.Acc.Model.Pods).Key.ContainerId);
        File.Delete(hidden.Path);
        // The late DEL has nothing left to do.
        foreach (var pod in (Pod[])[gone, bereft, hidden, healthy])
            (await lab.RunAsync("DEL", pod)).Succeeded();
        lab.AssertNothingLeft();
    }

    [CniFact]
    public async Task A_virtual_function_comes_back_and_its_pods_address_with_it()
    {
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(2)), prepare: null);
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        await lab.Agent.StopAgentAsync();
        lab.Agent.Config["Agent"]!["VanishedSeconds"] = 1;
        lab.Agent.WriteConfig();
        lab.Agent.DeletePod(pod);
        await Eventually.TrueAsync(() => FunctionLab.Link($"{lab.Prefix}v0") is not null || FunctionLab.Link("eth0") is not null, "the kernel brings the function back");

        await lab.Agent.StartAgentAsync();

        await Eventually.TrueAsync(() => lab.Agent.Agent!.Services.Claims.All().Count == 0, () => string.Join('\n', lab.Agent.Log.Lines.TakeLast(30)));
        Assert.Equal(2, lab.Free("vf").Length);
        lab.Agent.AssertNothingLeft();
    }
}
