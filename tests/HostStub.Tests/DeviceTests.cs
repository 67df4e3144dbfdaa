using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Cli;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Plugin;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests;

/// <summary>Device kinds through the plugin, on the real kernel.</summary>
public sealed class DeviceTests
{
    [Fact]
    public async Task Exhausted_devices_fail_an_add_and_leave_status_good()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Device"]!["Limit"] = 2);
        Pod[] pods = [lab.NewPod(), lab.NewPod(), lab.NewPod()];
        (await lab.RunAsync("ADD", pods[0])).Succeeded();
        (await lab.RunAsync("ADD", pods[1])).Succeeded();

        var refused = (await lab.RunAsync("ADD", pods[2])).Failed(11);

        Assert.Contains("all 2 devices of the kind veth are in use", refused.Message, StringComparison.Ordinal);
        lab.Request("STATUS", "", "").Succeeded();
        Assert.Equal(2, lab.ReservedAddresses().Count);
        (await lab.RunAsync("DEL", pods[0])).Succeeded();
        (await lab.RunAsync("ADD", pods[2])).Succeeded();
    }

    [Fact]
    public async Task A_device_that_cannot_be_configured_is_quarantined_and_reported()
    {
        Needs.CniPlugins("host-local");
        // The kernel refuses an ipvlan on the loopback.
        await using var lab = await AgentLab.CreateAsync(
            prepare: l => l.Config["Device"]!["Ipvlan"] = new JsonObject { ["Parent"] = "lo", ["Port"] = "parent0" });
        var pod = lab.NewPod();

        var first = (await lab.RunAsync("ADD", pod, change: c => c["deviceKind"] = "ipvlan")).Failed(11);
        var second = (await lab.RunAsync("ADD", pod, change: c => c["deviceKind"] = "ipvlan")).Failed(11);

        Assert.Contains("the ipvlan lo can't be configured and is set aside", first.Message, StringComparison.Ordinal);
        Assert.Contains("the parent lo of ipvlan devices is set aside", second.Message, StringComparison.Ordinal);
        Assert.Contains("ipvlan lo is set aside until", lab.Request("STATUS", "", "").Succeeded().ErrorText, StringComparison.Ordinal);
        var text = DevicesCommand.Text(System.Text.Json.JsonDocument.Parse(AgentSocket.Ask(
            lab.Socket, AgentRequest.Encode(AgentRequestKind.Devices, [], default), TimeSpan.FromSeconds(20)).Output).RootElement);
        Assert.Contains("set aside lo until", text, StringComparison.Ordinal);
        lab.AssertNothingLeft();
        // Other device kinds are not affected.
        (await lab.RunAsync("ADD", pod)).Succeeded();
    }

    [Theory]
    [InlineData("deviceKind", "sf", "deviceKind \"sf\" in the network configuration: the agent has no devices of the kind sf")]
    [InlineData(
        "deviceID", "0000:03:00.2", "deviceID \"0000:03:00.2\" in the network configuration: the agent has no devices of the kind vf")]
    [InlineData("pciBusID", "0000:03:00.2", "the agent has no devices of the kind vf")]
    public async Task A_kind_that_is_not_enabled_is_a_configuration_error(string key, string value, string text)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        Assert.Contains(
            text, (await lab.RunAsync("ADD", lab.NewPod(), change: c => c[key] = value)).Failed(7).Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task A_tap_moves_to_its_pod_and_is_restored_after_its_target_restarts()
    {
        Needs.CniPlugins("host-local");
        Needs.Tap();
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var port = PortName.For(new AttachmentKey("podnet", pod.ContainerId, "eth0"));
        using var home = NetNamespace.OpenNamed(lab.DataPlane);
        using var ns = pod.Open();
        using var inside = RouteNetlink.Open(ns);
        MacAddress mac;
        using (PacketPort.OpenTap(home, port))
        {
            var result = (await lab.RunAsync("ADD", pod, change: c => c["deviceKind"] = "tap")).Succeeded().Output!;
            mac = AssertComplete(inside);
            Assert.Equal(mac.ToString(), result["interfaces"]![0]!["mac"]!.GetValue<string>());
            var stated = Assert.Single(lab.Acc.Model.Pods);
            Assert.Equal(("tap", port), (stated.Device.Kind, stated.Device.PortName));
            (await lab.RunAsync("CHECK", pod, prevResult: result, change: c => c["deviceKind"] = "tap")).Succeeded();
        }
        Assert.Null(inside.GetLink("eth0"));

        using (PacketPort.OpenTap(home, port))
        {
            await Eventually.TrueAsync(
                () => inside.GetLink("eth0") is { IsUp: true } && inside.GetRoutes().Count >= 2, () => string.Join('\n', lab.Log.Lines));
            Assert.Equal(mac, AssertComplete(inside));
            (await lab.RunAsync("DEL", pod, change: c => c["deviceKind"] = "tap")).Succeeded();
            Assert.Null(inside.GetLink("eth0"));
        }
        lab.AssertNothingLeft();
    }

    [Fact]
    public async Task Add_of_a_tap_fails_when_no_target_creates_it()
    {
        Needs.CniPlugins("host-local");
        Needs.Tap();
        await using var lab = await AgentLab.CreateAsync(prepare: l => l.Config["Device"]!["Kind"] = "tap");
        Assert.Contains(
            "the target did not create the TAP", (await lab.RunAsync("ADD", lab.NewPod())).Failed(11).Message, StringComparison.Ordinal);
        lab.AssertNothingLeft();
    }

    [Fact]
    public Task A_tap_keeps_its_claim_while_its_namespace_cannot_be_inspected()
    {
        Needs.CniPlugins("host-local");
        Needs.Tap();
        return DeleteOnceItCanBeSeenAsync((path, pod) => File.CreateSymbolicLink(path, pod.Path), leftInPod: false);
    }

    [Fact]
    public Task A_tap_whose_namespace_was_unmounted_can_be_deleted()
    {
        Needs.CniPlugins("host-local");
        Needs.Tap();
        // What umount leaves of a named namespace: an empty file.
        return DeleteOnceItCanBeSeenAsync((path, _) => File.WriteAllText(path, ""), leftInPod: true);
    }

    private static async Task DeleteOnceItCanBeSeenAsync(Action<string, Pod> show, bool leftInPod)
    {
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var path = lab.At("netns");
        File.CreateSymbolicLink(path, pod.Path);
        using var home = NetNamespace.OpenNamed(lab.DataPlane);
        using var tap = PacketPort.OpenTap(home, PortName.For(new AttachmentKey("podnet", pod.ContainerId, "eth0")));
        PluginAnswer Run(string command) =>
            lab.Run(command, pod, change: c => c["deviceKind"] = "tap", environment: e => e["CNI_NETNS"] = path);
        (await Task.Run(() => Run("ADD"))).Succeeded();
        using var ns = pod.Open();
        using var inside = RouteNetlink.Open(ns);

        // ELOOP: proves neither presence nor absence.
        File.Delete(path);
        File.CreateSymbolicLink(path, path);
        Assert.Contains("CNI_NETNS can't be used", (await Task.Run(() => Run("DEL"))).Failed(8).Message, StringComparison.Ordinal);
        Assert.NotNull(inside.GetLink("eth0"));
        Assert.Single(lab.Agent!.Services.Claims.All());

        File.Delete(path);
        show(path, pod);
        (await Task.Run(() => Run("DEL"))).Succeeded();
        Assert.Equal(leftInPod, inside.GetLink("eth0") is not null);
        Assert.Empty(lab.Agent.Services.Claims.All());
        lab.AssertNothingLeft();
    }

    private static MacAddress AssertComplete(RouteNetlink inside)
    {
        var eth0 = inside.GetLink("eth0")!;
        Assert.Equal(("tun", true, 1500), (eth0.Kind, eth0.IsUp, eth0.Mtu));
        Assert.Equal(IPAddress.Parse("10.244.1.2"), Assert.Single(inside.GetAddresses(eth0.Index)).Address);
        Assert.Contains(
            inside.GetRoutes(eth0.Index), r => r.Destination.PrefixLength == 0 && Equals(r.Gateway, IPAddress.Parse("169.254.1.1")));
        return eth0.Mac;
    }
}
