using System.Text.Json.Nodes;
using ACCOffload.Devices.Tests.Machine;

namespace ACCOffload.Devices.Tests;

/// <summary>devlink and SR-IOV of native-interop against a real kernel: netdevsim's devices, and the card's.</summary>
[Collection("VM")]
public sealed class DevlinkTests(DeviceMachine machine)
{
    [VmFact]
    public async Task Devices_ports_and_information_are_the_kernels()
    {
        await using var device = await SimulatedDevice.AddAsync(machine, 11, ports: 2);
        Assert.Contains(device.Handle, (await machine.ProbeAsync("devices")).AsArray().Select(d => (string?)d));
        Assert.Equal("netdevsim", (string?)(await machine.ProbeAsync($"info {device.Handle}"))["driver"]);

        var ports = (await machine.ProbeAsync($"ports {device.Handle}")).AsArray();
        Assert.Equal(2, ports.Count);
        Assert.All(ports, p => Assert.Equal(("Physical", "Ethernet", device.Handle), ((string?)p!["flavour"], (string?)p["type"], (string?)p["device"])));
        var netdevs = (await machine.OutputAsync($"ls {device.Folder}/net")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(netdevs.Order(), ports.Select(p => (string?)p!["netdev"]).Order());
        Assert.All(ports, p => Assert.True((int)p!["netdevIndex"]! > 0));
        var one = await machine.ProbeAsync($"port {device.Handle} {ports[0]!["index"]}");
        Assert.True(JsonNode.DeepEquals(ports[0], one), $"{ports[0]} and {one}");
        Assert.Equal(ports.Count, (await machine.ProbeAsync("ports")).AsArray().Count);
        Assert.Equal("null", (await machine.ProbeAsync($"port {device.Handle} 4711")).ToString());
    }

    [VmFact]
    public async Task The_switch_has_a_representor_for_each_virtual_function()
    {
        await using var device = await SimulatedDevice.AddAsync(machine, 12, ports: 1);
        Assert.Equal("Legacy", (string?)(await machine.ProbeAsync($"eswitch {device.Handle}"))["mode"]);
        await machine.OutputAsync($"echo 3 >{device.Folder}/sriov_numvfs");
        Assert.Equal("Switchdev", (string?)(await machine.ProbeAsync($"eswitch {device.Handle} switchdev"))["mode"]);
        await machine.OutputAsync("udevadm settle");

        var functions = (await machine.ProbeAsync($"ports {device.Handle}")).AsArray().Where(p => (string?)p!["flavour"] == "PciVf").ToList();
        Assert.Equal([0, 1, 2], functions.Select(p => (int)p!["vf"]!).Order());
        foreach (var function in functions)
        {
            var name = $"pf{function!["pf"]}vf{function["vf"]}";
            Assert.Equal(name, await machine.OutputAsync($"cat /sys/class/net/{function["netdev"]}/phys_port_name"));
            Assert.Equal((string?)function["netdev"], (string?)await machine.ProbeAsync($"representor {name}"));
        }

        Assert.Equal("Legacy", (string?)(await machine.ProbeAsync($"eswitch {device.Handle} legacy"))["mode"]);
        Assert.DoesNotContain((await machine.ProbeAsync($"ports {device.Handle}")).AsArray(), p => (string?)p!["flavour"] == "PciVf");
    }

    [VmFact]
    public async Task A_functions_rate_is_limited_and_a_refusal_is_told_in_the_kernels_words()
    {
        await using var device = await SimulatedDevice.AddAsync(machine, 13, ports: 1);
        await machine.OutputAsync($"echo 2 >{device.Folder}/sriov_numvfs");
        await machine.ProbeAsync($"eswitch {device.Handle} switchdev");
        var function = (await machine.ProbeAsync($"ports {device.Handle}")).AsArray().First(p => (string?)p!["flavour"] == "PciVf")!["index"];

        // 10 and 100 Mbit/s, in bytes.
        var rate = await machine.ProbeAsync($"rate {device.Handle} {function} 1250000 12500000");
        Assert.Equal((1250000, 12500000), ((int)rate["share"]!, (int)rate["most"]!));
        // This driver takes whole Mbit/s and says so.
        var refused = await machine.ProbeAsync($"rate {device.Handle} {function} 1250000 12500001");
        Assert.Equal("EINVAL", (string?)refused["errno"]);
        Assert.Contains("rate", (string?)refused["kernel"]);
        Assert.Contains((string)refused["kernel"]!, (string?)refused["error"]);
        Assert.Equal(12500000, (int)(await machine.ProbeAsync($"rate {device.Handle} {function}"))["most"]!);
    }

    [VmFact]
    public async Task What_the_kernel_refuses_says_what_and_where()
    {
        await using var device = await SimulatedDevice.AddAsync(machine, 14, ports: 1);
        await Refused($"info {device.Handle}9", "ENODEV", $"devlink device {device.Handle}9");
        // The card is a PCI device, but its driver has no devlink.
        await Refused($"eswitch pci/{DeviceMachine.PhysicalAddress}", "ENODEV", DeviceMachine.PhysicalAddress);
        await Refused($"subfunction {device.Handle} 0 7", "EOPNOTSUPP", $"create subfunction 7 of PF 0 on devlink device {device.Handle}");
        await Refused($"activate {device.Handle} 0", "EOPNOTSUPP", $"{device.Handle}/0");
        await Refused($"delete {device.Handle} 0", "EOPNOTSUPP", $"delete devlink port {device.Handle}/0");
        await Refused($"mac {device.Handle} 0 02:00:00:00:00:01", "EOPNOTSUPP", $"{device.Handle}/0");
    }

    [VmFact]
    public async Task A_subfunction_that_the_kernel_refuses_is_an_ADD_that_tells_the_kernels_words()
    {
        // Device:Sf:Device of the agent's configuration.
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

    private async Task Refused(string request, string errno, string text)
    {
        var answer = await machine.ProbeAsync(request);
        Assert.True(answer is JsonObject && answer["errno"] is not null, $"{request}: {answer}");
        Assert.Equal(errno, (string?)answer["errno"]);
        Assert.Contains(text, (string?)answer["error"]);
    }
}
