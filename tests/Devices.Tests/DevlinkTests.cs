using System.Text.Json.Nodes;
using ACCOffload.Devices.Tests.Machine;

namespace ACCOffload.Devices.Tests;

/// <summary>devlink and SR-IOV of native-interop with a real kernel: netdevsim devices and the emulated card.</summary>
[Collection("VM")]
public sealed class DevlinkTests(DeviceMachine machine)
{
    [Fact]
    public async Task Devices_and_ports_match_the_kernel()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        await using var device = await SimulatedDevice.AddAsync(machine, 11, ports: 2);
        Assert.Contains(device.Handle, (await machine.ProbeAsync("devices")).AsArray().Select(d => (string?)d));

        var ports = (await machine.ProbeAsync($"ports {device.Handle}")).AsArray();
        Assert.Equal(2, ports.Count);
        Assert.All(ports,
            p => Assert.Equal(("Physical", "Ethernet", device.Handle), ((string?)p!["flavour"], (string?)p["type"], (string?)p["device"])));
        var netdevs = (await machine.OutputAsync($"ls {device.Folder}/net")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(netdevs.Order(), ports.Select(p => (string?)p!["netdev"]).Order());
        Assert.All(ports, p => Assert.True((int)p!["netdevIndex"]! > 0));
        var one = await machine.ProbeAsync($"port {device.Handle} {ports[0]!["index"]}");
        Assert.True(JsonNode.DeepEquals(ports[0], one), $"{ports[0]} and {one}");
        Assert.Equal(ports.Count, (await machine.ProbeAsync("ports")).AsArray().Count);
        Assert.Equal("null", (await machine.ProbeAsync($"port {device.Handle} 4711")).ToString());
    }

    [Fact]
    public async Task In_switchdev_mode_every_virtual_function_has_a_representor()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        await using var device = await SimulatedDevice.AddAsync(machine, 12, ports: 1);
        Assert.Equal("Legacy", (string?)(await machine.ProbeAsync($"eswitch {device.Handle}"))["mode"]);
        await machine.OutputAsync($"echo 3 >{device.Folder}/sriov_numvfs");
        Assert.Equal("Switchdev", (string?)(await machine.ProbeAsync($"eswitch {device.Handle} switchdev"))["mode"]);
        await machine.OutputAsync("udevadm settle");

        var functions = (await machine.ProbeAsync($"ports {device.Handle}")).AsArray()
            .Where(p => (string?)p!["flavour"] == "PciVf").ToList();
        Assert.Equal([0, 1, 2], functions.Select(p => (int)p!["vf"]!).Order());
        foreach (var function in functions)
        {
            var name = $"pf{function!["pf"]}vf{function["vf"]}";
            Assert.Equal(name, await machine.OutputAsync($"cat /sys/class/net/{function["netdev"]}/phys_port_name"));
        }

        Assert.Equal("Legacy", (string?)(await machine.ProbeAsync($"eswitch {device.Handle} legacy"))["mode"]);
        Assert.DoesNotContain((await machine.ProbeAsync($"ports {device.Handle}")).AsArray(), p => (string?)p!["flavour"] == "PciVf");
    }

    [Fact]
    public async Task A_kernel_error_names_the_operation_and_the_device()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        await using var device = await SimulatedDevice.AddAsync(machine, 14, ports: 1);
        await AssertRejectedAsync($"eswitch {device.Handle}9", "ENODEV", $"devlink device {device.Handle}9");
        // The card is a PCI device, but its driver has no devlink.
        await AssertRejectedAsync($"eswitch pci/{DeviceMachine.PhysicalAddress}", "ENODEV", DeviceMachine.PhysicalAddress);
        await AssertRejectedAsync($"subfunction {device.Handle} 0 7",
            "EOPNOTSUPP", $"create subfunction 7 of PF 0 on devlink device {device.Handle}");
        await AssertRejectedAsync($"activate {device.Handle} 0", "EOPNOTSUPP", $"{device.Handle}/0");
        await AssertRejectedAsync($"delete {device.Handle} 0", "EOPNOTSUPP", $"delete devlink port {device.Handle}/0");
        await AssertRejectedAsync($"mac {device.Handle} 0 02:00:00:00:00:01", "EOPNOTSUPP", $"{device.Handle}/0");
    }

    [Fact]
    public async Task ADD_reports_the_kernel_error_if_a_subfunction_is_rejected()
    {
        Needs.NotMissing(DeviceMachine.Missing);
        // The device named by Device:Sf:Device in the agent's configuration.
        await using var device = await SimulatedDevice.AddAsync(machine, 1, ports: 1);
        await machine.OutputAsync("ip netns add refused");
        try
        {
            var answer = await machine.JsonAsync("""EXTRA='{"deviceKind":"sf"}' /usr/lib/devices-test/cni ADD refused""");
            Assert.True((int)answer["code"]! > 0, $"{answer}");
            var text = $"{answer["msg"]} {answer["details"]}";
            Assert.Contains($"create subfunction 1 of PF 0 on devlink device {device.Handle}", text);
            Assert.Contains("Operation not supported", text);
        }
        finally
        {
            await machine.OutputAsync("/usr/lib/devices-test/cni DEL refused; ip netns del refused");
        }
    }

    private async Task AssertRejectedAsync(string request, string errno, string text)
    {
        var answer = await machine.ProbeAsync(request);
        Assert.True(answer is JsonObject && answer["errno"] is not null, $"{request}: {answer}");
        Assert.Equal(errno, (string?)answer["errno"]);
        Assert.Contains(text, (string?)answer["error"]);
    }
}
