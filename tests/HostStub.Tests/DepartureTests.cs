using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Tests;

/// <summary>Pods that disappear without a DEL: released only when both namespace and device are gone.</summary>
public sealed class DepartureTests
{
    [Fact]
    public async Task Vanished_pods_are_released_and_live_or_unreadable_ones_are_kept()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Agent"]!["VanishedSeconds"] = 1);
        var (gone, noDevice, hidden, healthy) = (lab.NewPod(), lab.NewPod(), lab.NewPod(), lab.NewPod());
        foreach (var pod in (Pod[])[gone, noDevice, hidden, healthy])
        {
            (await lab.RunAsync("ADD", pod)).Succeeded();
        }

        using (var ns = noDevice.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            links.DeleteLink(links.GetLink("eth0")!.Index);
        }

        lab.DeletePod(hidden);
        // As when a mount is not visible to the agent: the path exists, but can't be opened as a namespace.
        await File.WriteAllTextAsync(hidden.Path, "");
        lab.DeletePod(gone);
        await Eventually.TrueAsync(() => lab.DataPlaneLinks().Count == 1, "the kernel removes the devices with the namespaces");

        // The agent checks for vanished pods immediately after it starts.
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Equal(3, lab.Agent!.Services.Claims.All().Count(c => c.Vanished));

        await Eventually.TrueAsync(() => lab.Agent.Services.Claims.All().Count == 3, () => string.Join('\n', lab.Log.Lines.TakeLast(30)));
        Assert.Equal(
            new[] { noDevice, hidden, healthy }.Select(p => p.ContainerId).Order(),
            lab.Agent.Services.Claims.All().Select(c => c.Key.ContainerId).Order());
        Assert.Equal(3, lab.ReservedAddresses().Count);
        Assert.Equal(healthy.ContainerId, Assert.Single(lab.Acc.Model.Pods).Key.ContainerId);
        File.Delete(hidden.Path);
        // The late DEL of the released pod has nothing to do; the others remove what was kept.
        foreach (var pod in (Pod[])[gone, noDevice, hidden, healthy])
        {
            (await lab.RunAsync("DEL", pod)).Succeeded();
        }

        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task The_virtual_function_and_address_of_a_vanished_pod_are_released()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(2)), prepare: null);
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        await lab.Agent.StopAgentAsync();
        lab.Agent.Config["Agent"]!["VanishedSeconds"] = 1;
        lab.Agent.WriteConfig();
        lab.Agent.DeletePod(pod);
        await Eventually.TrueAsync(
            () => FunctionLab.Link($"{lab.Prefix}v0") is not null || FunctionLab.Link("eth0") is not null,
            "the kernel brings the function back");

        await lab.Agent.StartAgentAsync();

        await Eventually.TrueAsync(
            () => lab.Agent.Agent!.Services.Claims.All().Count == 0, () => string.Join('\n', lab.Agent.Log.Lines.TakeLast(30)));
        Assert.Equal(2, lab.Free("vf").Length);
        lab.Agent.AssertNothingLeft();
    }

    [Theory]
    [InlineData(3600)]
    [InlineData(0)]
    public async Task Vanished_pods_are_kept_for_the_grace_period_or_indefinitely_without_one(int grace)
    {
        Needs.CniPlugins("host-local");
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            l.Config["Agent"]!["VanishedSeconds"] = grace;
            l.Time = time;
        });
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        await VanishAsync(lab, pod);

        var reconciler = await LookAsync(lab);
        time.Skip(TimeSpan.FromMinutes(30));
        await reconciler.ReleaseAbandonedAsync();
        Assert.True(Assert.Single(lab.Agent!.Services.Claims.All()).Vanished);
        Assert.Single(lab.ReservedAddresses());

        time.Skip(TimeSpan.FromMinutes(31));
        await reconciler.ReleaseAbandonedAsync();
        if (grace > 0)
        {
            await Eventually.TrueAsync(
                () => lab.Agent.Services.Claims.All().Count == 0, () => string.Join('\n', lab.Log.Lines.TakeLast(30)));
            lab.AssertNothingLeft();
            return;
        }
        time.Skip(TimeSpan.FromHours(12));
        await reconciler.ReleaseAbandonedAsync();
        await reconciler.ReleaseAbandonedAsync();
        Assert.Equal(Claims.ClaimState.Attached, Assert.Single(lab.Agent.Services.Claims.All()).State);
        Assert.Single(lab.ReservedAddresses());
    }

    [Fact]
    public async Task An_adopted_attachment_is_released_when_its_peer_interface_disappears()
    {
        Needs.CniPlugins("host-local");
        var time = new SkippingTime();
        await using var lab = await AgentLab.CreateAsync(prepare: l =>
        {
            l.Config["Agent"]!["VanishedSeconds"] = 3600;
            l.Time = time;
        });
        var (gone, lives) = (lab.NewPod(), lab.NewPod());
        (await lab.RunAsync("ADD", gone)).Succeeded();
        (await lab.RunAsync("ADD", lives)).Succeeded();
        await lab.StopAgentAsync();
        foreach (var file in Directory.GetFiles(lab.Directory, "host-stub.db*"))
        {
            File.Delete(file);
        }

        await lab.StartAgentAsync();
        Assert.Equal(["", ""], lab.Agent!.Services.Claims.All().Select(c => c.NetNs));
        await VanishAsync(lab, gone);

        var reconciler = await LookAsync(lab);
        time.Skip(TimeSpan.FromMinutes(30));
        await reconciler.ReleaseAbandonedAsync();
        Assert.Equal(2, lab.Agent.Services.Claims.All().Count);

        time.Skip(TimeSpan.FromMinutes(31));
        await reconciler.ReleaseAbandonedAsync();
        await Eventually.TrueAsync(() => lab.Agent.Services.Claims.All().Count == 1, () => string.Join('\n', lab.Log.Lines.TakeLast(30)));
        Assert.Equal(lives.ContainerId, lab.Agent.Services.Claims.All()[0].Key.ContainerId);
        await Eventually.TrueAsync(
            () => lab.Acc.Model.Pods is [{ } kept] && kept.Key.ContainerId == lives.ContainerId, "the ACC has only the pod that is alive");
    }

    // The pod disappears without a DEL. The restart makes the agent check for vanished pods immediately.
    private static async Task VanishAsync(AgentLab lab, Pod pod)
    {
        var devices = lab.DataPlaneLinks().Count;
        lab.DeletePod(pod);
        await Eventually.TrueAsync(() => lab.DataPlaneLinks().Count == devices - 1, "the kernel removes the device with the namespace");
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        Assert.Single(lab.Agent!.Services.Claims.All(), c => c.Vanished);
    }

    // A separate reconciler, so that the test controls its rounds. The first one only notes what is gone.
    private static async Task<Reconciler> LookAsync(AgentLab lab)
    {
        var reconciler = new Reconciler(lab.Agent!.Services, new Remover(lab.Agent.Services));
        await reconciler.ReleaseAbandonedAsync();
        return reconciler;
    }
}
