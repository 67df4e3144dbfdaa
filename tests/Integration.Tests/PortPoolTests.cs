using System.Text.Json.Nodes;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>
/// Pods on ports that the target created before its pipeline, as P4-DPDK requires; here with the soft target, so that packets are
/// forwarded.
/// </summary>
public sealed class PortPoolTests
{
    private static readonly string[] Pool = ["TAP0", "TAP1", "TAP2", "TAP3"];

    [Fact]
    public async Task Pods_and_the_host_get_ports_of_the_pool_until_all_are_lent()
    {
        Needs.Lab();
        Needs.Tap();
        await using var lab = await StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        var c = await lab.AddPodAsync("c");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address), "pod to pod");
        Assert.True(await Lab.PingAsync(lab.HostNamespace, c.Address), "host to pod");
        Assert.Equal(Pool, (await VportsAsync(lab, "vports")).Order());
        (await lab.PluginAsync("CHECK", a)).MustSucceed();

        var refused = await lab.PluginAsync("ADD", new Pod("d", await lab.AddNamespaceAsync("d"), "container-d"));
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Equal(11, (int?)JsonNode.Parse(refused.Output)!["code"]);
        Assert.Contains("all 4 pool ports are in use", refused.Output);

        await lab.DeletePodAsync(b);
        var free = Assert.Single(await VportsAsync(lab, "free"));
        var e = await lab.AddPodAsync("e");
        Assert.Contains(free, await VportsAsync(lab, "vports"));
        Assert.True(await Lab.PingAsync(e.Namespace, a.Address), "over the released port");
        Assert.Equal(Pool, await TapsAsync(lab));
    }

    [Fact]
    public async Task A_port_survives_a_namespace_deleted_without_DEL_while_the_agent_is_down()
    {
        Needs.Lab();
        Needs.Tap();
        await using var lab = await StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");

        // Agent and runtime die together, so nothing holds the namespace open.
        await lab.Agent!.KillAsync();
        await lab.RemoveNamespaceAsync(a.Namespace);
        Assert.Equal(Pool, await TapsAsync(lab));

        await lab.StartAgentAsync();
        await Eventually.TrueAsync(async () => (await VportsAsync(lab, "free")).Count == 2,
            () => $"the port of the removed pod is released; the agent's log:\n{lab.Agent!.Log}", 60);
        var c = await lab.AddPodAsync("c");
        var d = await lab.AddPodAsync("d");
        Assert.True(await Lab.PingAsync(c.Namespace, b.Address), "a new pod and an old one");
        Assert.True(await Lab.PingAsync(d.Namespace, c.Address), "over the removed pod's port");
    }

    [Fact]
    public async Task A_pod_that_deletes_its_interface_keeps_its_port_and_gets_it_back()
    {
        Needs.Lab();
        Needs.Tap();
        await using var lab = await StartAsync();
        var a = await lab.AddPodAsync("a");
        await Shell.RunLineAsync(a.Namespace, "ip link del eth0").Succeeded();
        Assert.Equal(Pool, await TapsAsync(lab));
        await Eventually.TrueAsync(() => Lab.PingAsync(lab.HostNamespace, a.Address, 1),
            () => $"the pod has its interface again; the agent's log:\n{lab.Agent!.Log}", 60);
    }

    [Fact]
    public async Task Ports_and_interfaces_are_restored_after_a_restart_of_the_target()
    {
        Needs.Lab();
        Needs.Tap();
        await using var lab = await StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");

        // The target runs in the manager, so its TAPs disappear with it, and so do the interfaces of pods and host.
        await lab.KillManagerAsync();
        await lab.StartManagerAsync();
        await Eventually.TrueAsync(() => Lab.PingAsync(a.Namespace, b.Address, 1),
            () => $"pod to pod; the agent's log:\n{lab.Agent!.Log}", 60);
        await Eventually.TrueAsync(() => Lab.PingAsync(lab.HostNamespace, b.Address, 1),
            () => $"host to pod; the agent's log:\n{lab.Agent!.Log}", 60);
    }

    private static async Task<Lab> StartAsync()
    {
        var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        try
        {
            lab.UsePool(Pool);
            lab.ChangeAgentConfig(c => c["Agent"]!["VanishedSeconds"] = 1);
            await lab.StartManagerAsync();
            await lab.StartAgentAsync();
            await lab.WaitHostInterfaceAsync();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>The port names that `ctl vports` reports: those in use or those that are free.</summary>
    private static async Task<IReadOnlyList<string>> VportsAsync(Lab lab, string list) =>
        [.. (await lab.ControlAsync("vports"))[list]!.AsArray().Select(p => list == "free" ? (string)p! : (string)p!["name"]!)];

    private static async Task<IReadOnlyList<string>> TapsAsync(Lab lab)
    {
        var links = JsonNode.Parse((await Shell.RunLineAsync(lab.PortNamespace, "ip -j link show type tun").Succeeded()).Output)!.AsArray();
        return [.. links.Select(l => (string?)l!["ifname"]).OfType<string>().Order()];
    }
}
