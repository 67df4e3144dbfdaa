using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Tests;

public sealed class ChainTests
{
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
}
