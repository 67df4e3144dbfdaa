using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>Pods with devices other than a veth, through plugin, ACC and soft target.</summary>
public sealed class DeviceTests
{
    [Fact]
    public async Task Pods_with_taps_reach_each_other_before_and_after_a_restart_of_the_target()
    {
        Needs.Lab();
        Needs.Tap();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        lab.ChangeAgentConfig(c => c["Device"]!["Kind"] = "tap");
        await lab.StartManagerAsync();
        await lab.StartAgentAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address), "pod to pod");
        Assert.True(await Lab.PingAsync(lab.HostNamespace, a.Address), "host to pod");
        Assert.True((await Shell.RunLineAsync(a.Namespace, $"ping -n -c 2 -i 0.05 -M do -s 1472 {b.Address}")).ExitCode == 0,
            "1500 bytes, unfragmented");
        var vports = (await lab.ControlAsync("vports"))["vports"]!.AsArray();
        Assert.Equal(2, vports.Count(p => (string?)p!["device"] == "tap"));

        // The target runs in the manager, so its TAPs disappear with it.
        await lab.KillManagerAsync();
        await lab.StartManagerAsync();
        await Eventually.TrueAsync(() => Lab.PingAsync(a.Namespace, b.Address, 1),
            () => $"the pods have their TAPs again; the agent's log:\n{lab.Agent!.Log}", 60);

        await lab.DeletePodAsync(a);
        await lab.DeletePodAsync(b);
        Assert.DoesNotContain("tap", (await lab.ControlAsync("vports")).ToJsonString());
        Assert.DoesNotContain("tun", (await Shell.RunLineAsync(lab.PortNamespace, "ip -o -d link show").Succeeded()).Output);
    }

    [Fact]
    public async Task Pods_of_one_parent_reach_each_other_through_the_pipeline()
    {
        Needs.Lab();
        Needs.Ipvlan();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        await Shell.RunLineAsync(
            null, $"ip link add parent netns {lab.HostNamespace} type veth peer name accparent netns {lab.PortNamespace}").Succeeded();
        await Shell.RunLineAsync(lab.HostNamespace, "ip link set parent up").Succeeded();
        await Shell.RunLineAsync(lab.PortNamespace, "ip link set accparent up").Succeeded();
        lab.ChangeAgentConfig(c =>
        {
            c["Device"]!["Kind"] = "ipvlan";
            c["Device"]!["Ipvlan"] = new System.Text.Json.Nodes.JsonObject { ["Parent"] = "parent", ["Port"] = "accparent" };
        });
        await lab.StartManagerAsync();
        await lab.StartAgentAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address), "pod to pod");
        Assert.Contains("ttl=63", (await Shell.RunLineAsync(a.Namespace, $"ping -n -c 1 -t 64 {b.Address}").Succeeded()).Output);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, a.Address), "host to pod");
        await lab.DeletePodAsync(a);
        Assert.True(await Lab.PingAsync(lab.HostNamespace, b.Address), "the other pod stays");
    }

    [Fact]
    public async Task The_ACC_restricts_which_devices_the_host_may_attach()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        lab.ChangeManagerConfig(c =>
            c["Devices"] = new System.Text.Json.Nodes.JsonObject
            {
                ["Macs"] = new System.Text.Json.Nodes.JsonArray(
                "00:10:00:00:03:00/40")
            });
        lab.ChangeAgentConfig(c => c["HostInterface"]!["Enabled"] = false);
        await lab.StartManagerAsync();
        await lab.StartAgentAsync();
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => lab.AddPodAsync("a"));
        Assert.Contains("is not among Devices:Macs of the ACC's configuration", failure.Message);
    }
}
