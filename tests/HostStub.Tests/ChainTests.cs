using System.Text.Json.Nodes;
using ACCOffload.HostStub.TestKit;
using ACCOffload.HostStub.Tests.Support;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Tests;

public sealed class ChainTests
{
    [Theory]
    [InlineData("0.3.0")]
    [InlineData("0.3.1")]
    [InlineData("1.1.0")]
    public async Task The_result_of_an_earlier_plugin_is_kept(string version)
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var before = new JsonObject
        {
            ["cniVersion"] = version,
            ["interfaces"] = new JsonArray(new JsonObject { ["name"] = "net1", ["sandbox"] = pod.Path, ["mac"] = "02:00:00:00:00:01" }),
            ["ips"] = new JsonArray(new JsonObject { ["version"] = "4", ["address"] = "192.0.2.7/24", ["interface"] = 0 }),
            ["routes"] = new JsonArray(new JsonObject { ["dst"] = "198.51.100.0/24", ["gw"] = "192.0.2.1" }),
            ["dns"] = new JsonObject { ["nameservers"] = new JsonArray("192.0.2.53") },
        };

        var answer = (await lab.RunAsync("ADD", pod, version, before)).Succeeded().Output!;

        Assert.Equal(["net1", "eth0"], answer["interfaces"]!.AsArray().Select(i => i!["name"]!.GetValue<string>()));
        Assert.Equal([0, 1], answer["ips"]!.AsArray().Select(i => i!["interface"]!.GetValue<int>()));
        Assert.Equal("198.51.100.0/24", answer["routes"]![0]!["dst"]!.GetValue<string>());
        Assert.Equal("192.0.2.53", answer["dns"]!["nameservers"]![0]!.GetValue<string>());
    }

    [Fact]
    public async Task A_default_route_of_an_earlier_plugin_stays_and_ours_is_not_reported()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            var net1 = links.CreateVeth(new VethSpec { Name = "net1", PeerName = "peer1" })!;
            links.SetUp(net1.Index);
            links.SetUp(links.GetLink("peer1")!.Index);
            links.AddAddress(net1.Index, System.Net.IPAddress.Parse("192.0.2.7"), 24);
            links.AddRoute(new Route
            {
                Destination = System.Net.IPNetwork.Parse("0.0.0.0/0"),
                Gateway = System.Net.IPAddress.Parse("192.0.2.1"),
                InterfaceIndex = net1.Index,
            });
        }

        var answer = (await lab.RunAsync("ADD", pod)).Succeeded().Output!;

        Assert.DoesNotContain(answer["routes"]!.AsArray(), r => r!["dst"]!.GetValue<string>() == "0.0.0.0/0");
        (await lab.RunAsync("CHECK", pod, prevResult: answer)).Succeeded();
        (await lab.RunAsync("DEL", pod, prevResult: answer)).Succeeded();
    }

    [Fact]
    public async Task Check_and_Del_work_after_Debians_tuning_changed_the_MAC()
    {
        Needs.CniPlugins("tuning", "host-local");
        var tuning = Path.Combine(Needs.CniPluginFolder, "tuning");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        var ours = (await lab.RunAsync("ADD", pod, "1.0.0")).Succeeded().Output!;

        var last = await Programs.RunCniAsync(
            tuning,
            "ADD",
            pod,
            new JsonObject
            {
                ["cniVersion"] = "1.0.0",
                ["name"] = "podnet",
                ["type"] = "tuning",
                ["mac"] = "02:00:00:00:00:77",
                ["prevResult"] = ours.DeepClone(),
            });

        Assert.Equal("02:00:00:00:00:77", last["interfaces"]![0]!["mac"]!.GetValue<string>());
        (await lab.RunAsync("CHECK", pod, "1.0.0", last)).Succeeded();
        (await lab.RunAsync("DEL", pod, "1.0.0", last)).Succeeded();
        lab.AssertNothingLeft();
    }
}
