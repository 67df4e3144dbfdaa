using System.Text.Json.Nodes;
using ACCOffload.FakeKernel;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Tests;

/// <summary>Virtual functions through the plugin, with fake hardware, but real links, namespaces and gRPC.</summary>
public sealed class VfPoolTests
{
    [Fact]
    public async Task A_pod_gets_a_function_and_returns_it_in_its_original_state()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(4)));
        Assert.Equal([4], lab.Physical.Writes);
        var name = $"{lab.Prefix}v0";
        var before = FunctionLab.Link(name)!;
        var pod = lab.Agent.NewPod();

        var result = (await lab.Agent.RunAsync("ADD", pod, change: c => c["mtu"] = 1400)).Succeeded().Output!;

        Assert.Null(FunctionLab.Link(name));
        var inside = FunctionLab.PodLink(pod)!;
        Assert.Equal((before.Mac, 1400, true), (inside.Mac, inside.Mtu, inside.IsUp));
        Assert.Equal(before.Mac.ToString(), (string?)result["interfaces"]![0]!["mac"]);
        var reported = Assert.Single(lab.Agent.Acc.Model.Pods);
        Assert.Equal("vf", reported.Device.Kind);
        Assert.Equal(before.Mac.ToArray(), reported.Device.Mac.ToByteArray());
        Assert.Equal(3, lab.Free("vf").Length);
        (await lab.Agent.RunAsync("CHECK", pod, prevResult: result, change: c => c["mtu"] = 1400)).Succeeded();
        // While the physical function is down, there is no traffic.
        var physical = FunctionLab.Link(lab.Prefix)!;
        Assert.True(physical.IsUp);
        using (var host = lab.Host.OpenRoute())
        {
            host.SetLink(physical.Index, new LinkChange { Up = false });
        }

        Assert.Contains(
            $"{lab.Prefix}, the physical function of {lab.Physical.Functions[0].Address}, is down",
            (await lab.Agent.RunAsync("CHECK", pod, prevResult: result, change: c => c["mtu"] = 1400)).Failed(999).Message,
            StringComparison.Ordinal);

        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();

        var after = FunctionLab.Link(name)!;
        Assert.Equal((before.Mac, before.Mtu, before.Alias ?? ""), (after.Mac, after.Mtu, after.Alias ?? ""));
        Assert.Equal(4, lab.Free("vf").Length);
        lab.Agent.AssertNothingLeft();
    }

    [Fact]
    public async Task The_pod_gets_the_function_that_the_runtime_chose()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => d["Vf"] = FunctionLab.Vf(3));
        var third = lab.Physical.Functions[2].Address;
        Pod[] pods = [lab.Agent.NewPod(), lab.Agent.NewPod()];

        (await lab.Agent.RunAsync("ADD", pods[0], change: c => c["runtimeConfig"] = new JsonObject { ["deviceID"] = third })).Succeeded();

        Assert.Null(FunctionLab.Link($"{lab.Prefix}v2"));
        var used = (await lab.Agent.RunAsync("ADD", pods[1], change: c => c["deviceID"] = third)).Failed(11);
        Assert.Contains($"the virtual function {third} is in use", used.Message, StringComparison.Ordinal);
        var foreign = (await lab.Agent.RunAsync("ADD", pods[1], change: c => c["pciBusID"] = "0000:99:00.1")).Failed(7);
        Assert.Contains("is not a virtual function in Device:Vf", foreign.Message, StringComparison.Ordinal);
        lab.Agent.Request("STATUS", "", "").Succeeded();
    }

    [Fact]
    public async Task Settings_are_made_through_the_physical_function()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var vf = FunctionLab.Vf(2);
            (vf["Mac"], vf["Vlan"], vf["Trust"], vf["SpoofCheck"], vf["MaxRateMbit"], vf["Port"]) =
                ("random", 7, "on", "off", 1000, "wire0");
            (d["Kind"], d["Vf"]) = ("vf", vf);
        });
        var own = FunctionLab.Link($"{lab.Prefix}v0")!.Mac;
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();

        using var host = lab.Host.OpenRoute();
        var reported = host.GetVfs(FunctionLab.Link(lab.Prefix)!.Index).Single(v => v.Number == 0);
        Assert.Equal((7, true, false, 1000), (reported.Vlan, reported.Trust, reported.SpoofCheck, reported.MaxRate));
        var mac = FunctionLab.PodLink(pod)!.Mac;
        Assert.NotEqual(own, mac);
        Assert.Equal(mac, reported.Mac);
        Assert.Equal("wire0", Assert.Single(lab.Agent.Acc.Model.Pods).Device.PortName);

        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        Assert.Equal(own, FunctionLab.Link($"{lab.Prefix}v0")!.Mac);
    }

    [Theory]
    [InlineData("igb")]
    [InlineData("administrative MAC only")]
    [InlineData("function's own MAC only")]
    public async Task A_random_MAC_is_set_in_the_way_that_each_driver_permits(string driver)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var vf = FunctionLab.Vf(1);
            vf["Mac"] = "random";
            (d["Kind"], d["Vf"]) = ("vf", vf);
        });
        lab.Physical.AllowsVfMacChange = driver switch
        {
            // While an administrative MAC is set, the link refuses every change, even to the same MAC.
            "igb" => (_, administrative, _) => administrative == default,
            "administrative MAC only" => (_, administrative, mac) => administrative == mac,
            _ => (_, _, _) => true,
        };
        if (driver == "function's own MAC only")
        {
            lab.Physical.RefuseVfMac = new FakeError(Errno.EOPNOTSUPP);
        }

        var own = FunctionLab.Link($"{lab.Prefix}v0")!.Mac;
        var seen = new HashSet<MacAddress> { own };
        for (var i = 0; i < 3; i++)
        {
            var pod = lab.Agent.NewPod();
            (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
            var mac = FunctionLab.PodLink(pod)!.Mac;
            Assert.True(seen.Add(mac), $"{mac} again");
            using (var host = lab.Host.OpenRoute())
            {
                Assert.Equal(
                    driver == "function's own MAC only" ? default : mac, host.GetVfs(FunctionLab.Link(lab.Prefix)!.Index).Single().Mac);
            }

            (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
            Assert.Equal(own, FunctionLab.Link($"{lab.Prefix}v0")!.Mac);
        }

        // Once, not for each pod.
        Assert.Equal(driver == "function's own MAC only" ? 1 : 0, Unenforced(lab).Length);
    }

    [Fact]
    public async Task A_physical_function_that_refuses_MACs_again_is_reported_again()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d =>
        {
            var vf = FunctionLab.Vf(1);
            vf["Mac"] = "random";
            (d["Kind"], d["Vf"]) = ("vf", vf);
        });
        foreach (var (refused, reports) in new[] { (true, 1), (false, 1), (true, 2) })
        {
            lab.Physical.RefuseVfMac = refused ? new FakeError(Errno.EOPNOTSUPP) : null;
            var pod = lab.Agent.NewPod();
            (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
            (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
            Assert.Equal(reports, Unenforced(lab).Length);
        }

        Assert.Contains($"The physical function {FunctionLab.Address} does not", Unenforced(lab)[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_dies_without_a_del_returns_its_function()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(1)));
        Pod[] pods = [lab.Agent.NewPod(), lab.Agent.NewPod()];
        (await lab.Agent.RunAsync("ADD", pods[0])).Succeeded();
        Assert.Contains(
            "no virtual function is free: 1 of 1 are in use",
            (await lab.Agent.RunAsync("ADD", pods[1])).Failed(11).Message,
            StringComparison.Ordinal);

        lab.Agent.DeletePod(pods[0]);
        // The kernel takes a moment to delete a namespace.
        await Eventually.TrueAsync(() => lab.Agent.Run("ADD", pods[1]).ExitCode == 0, () => string.Join('\n', lab.Agent.Log.Lines));

        // A late DEL does not affect the device, which another pod has by now.
        (await lab.Agent.RunAsync("DEL", pods[0])).Succeeded();
        Assert.NotNull(FunctionLab.PodLink(pods[1]));
        Assert.Single(lab.Agent.Acc.Model.Pods);
        (await lab.Agent.RunAsync("DEL", pods[1])).Succeeded();
        Assert.NotNull(FunctionLab.Link($"{lab.Prefix}v0"));
        lab.Agent.AssertNothingLeft();
    }

    [Fact]
    public async Task A_function_that_disappears_is_reported_and_restored_to_its_pod()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(2)));
        var pod = lab.Agent.NewPod();
        var result = (await lab.Agent.RunAsync("ADD", pod)).Succeeded().Output!;
        var mac = FunctionLab.PodLink(pod)!.Mac;
        var address = lab.Physical.Functions[0].Address;

        // As a reset of the physical function does; the agent creates them again.
        foreach (var function in lab.Physical.Functions.ToArray())
        {
            function.Remove();
        }

        Assert.Contains(
            $"the virtual function {address} of podnet/{pod.ContainerId}/eth0 is gone from the machine",
            (await lab.Agent.RunAsync("CHECK", pod, prevResult: result)).Failed(999).Message,
            StringComparison.Ordinal);

        await Eventually.TrueAsync(() => FunctionLab.PodLink(pod) is { IsUp: true }, () => string.Join('\n', lab.Agent.Log.Lines));
        Assert.Equal(mac, FunctionLab.PodLink(pod)!.Mac);
        await Eventually.TrueAsync(
            () => lab.Agent.Run("CHECK", pod, prevResult: result).ExitCode == 0, () => string.Join('\n', lab.Agent.Log.Lines));
        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        Assert.Equal(2, lab.Free("vf").Length);
    }

    [Fact]
    public async Task The_255th_add_of_254_functions_is_refused_and_status_stays_good()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(
            d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(256)), totalVfs: 256, subnet: "10.244.0.0/16");
        var pods = Enumerable.Range(0, 255).Select(_ => lab.Agent.NewPod()).ToArray();
        await Parallel.ForEachAsync(
            pods.SkipLast(1),
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (pod, _) => (await lab.Agent.RunAsync("ADD", pod)).Succeeded());

        var refused = (await lab.Agent.RunAsync("ADD", pods[^1])).Failed(11);

        Assert.Contains("all 254 devices of the kind vf are in use", refused.Message, StringComparison.Ordinal);
        lab.Agent.Request("STATUS", "", "").Succeeded();
        Assert.Equal(254, lab.Agent.ReservedAddresses().Count);
        (await lab.Agent.RunAsync("DEL", pods[100])).Succeeded();
        (await lab.Agent.RunAsync("ADD", pods[^1])).Succeeded();
    }

    [Fact]
    public async Task A_changed_number_of_functions_waits_until_no_pod_uses_one()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await FunctionLab.CreateAsync(d => (d["Kind"], d["Vf"]) = ("vf", FunctionLab.Vf(2)));
        var pod = lab.Agent.NewPod();
        (await lab.Agent.RunAsync("ADD", pod)).Succeeded();
        await lab.Agent.StopAgentAsync();
        lab.Agent.Config["Device"]!["Vf"]!["Count"] = 5;
        lab.Agent.WriteConfig();
        await lab.Agent.StartAgentAsync();
        Assert.Equal(2, lab.Physical.Functions.Count);
        Assert.NotNull(FunctionLab.PodLink(pod));
        Assert.Contains(
            lab.Agent.Log.Lines, l => l.Contains("which has 2 that pods use: remove these pods first", StringComparison.Ordinal));

        (await lab.Agent.RunAsync("DEL", pod)).Succeeded();
        await Eventually.TrueAsync(() => lab.Free("vf").Length == 5, () => string.Join('\n', lab.Agent.Log.Lines));
        Assert.Equal([0, 5], lab.Physical.Writes.TakeLast(2));
    }

    private static string[] Unenforced(FunctionLab lab) => [.. lab.Agent.Log.Matching("does not enforce the MACs")];
}
