using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.HostStub.Cni;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.TestKit;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.HostStub.Tests;

/// <summary>Two networks of this plugin in one namespace.</summary>
public sealed class SecondInterfaceTests
{
    [Fact]
    public async Task The_second_interface_has_its_own_rule_and_table()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        Assert.Empty(Rules(pod));

        var second = (await Second(lab, "ADD", pod)).Succeeded().Output!;

        var rule = Assert.Single(Rules(pod));
        Assert.Equal("10.245.1.2", rule.Source?.ToString());
        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            var index = links.GetLink("net1")!.Index;
            Assert.Equal(["0.0.0.0/0", "169.254.1.1/32"], links.GetRoutes(index, rule.Table).Select(r => r.Destination.ToString()).Order());
            Assert.Equal(
                "eth0", links.GetLink(Assert.Single(links.GetRoutes(), r => r.Destination.PrefixLength == 0).InterfaceIndex)!.Name);
        }
        // The result has the main table only: older versions can't express another one.
        Assert.DoesNotContain(second["routes"]?.AsArray() ?? [], r => r!["dst"]!.GetValue<string>() == "0.0.0.0/0");
        (await Second(lab, "CHECK", pod, second)).Succeeded();
    }

    [Fact]
    public async Task Check_detects_a_missing_rule_and_Del_leaves_none()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        var second = (await Second(lab, "ADD", pod)).Succeeded().Output!;
        using (var ns = pod.Open())
        using (var links = RouteNetlink.Open(ns))
        {
            var rule = Assert.Single(links.GetRules(), r => r.Source is not null);
            links.DeleteRule(rule);
            Assert.Contains(
                "no routing rule sends packets from 10.245.1.2 through net1",
                (await Second(lab, "CHECK", pod, second)).Failed(999).Message,
                StringComparison.Ordinal);
            links.AddRule(rule);
        }
        await lab.StopAgentAsync();
        await lab.StartAgentAsync();
        (await Second(lab, "CHECK", pod, second)).Succeeded();

        // The namespace stays, as for a pod that only loses this network.
        (await Second(lab, "DEL", pod, second)).Succeeded();

        Assert.Empty(Rules(pod));
        (await lab.RunAsync("DEL", pod)).Succeeded();
        Assert.Empty(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task Del_after_the_namespace_is_gone_succeeds()
    {
        Needs.CniPlugins("host-local");
        await using var lab = await AgentLab.CreateAsync();
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        (await Second(lab, "ADD", pod)).Succeeded();
        lab.DeletePod(pod);

        (await Second(lab, "DEL", pod)).Succeeded();
        (await lab.RunAsync("DEL", pod)).Succeeded();

        Assert.Empty(lab.Acc.Model.Pods);
    }

    [Fact]
    public async Task An_Add_that_fails_at_the_end_leaves_no_rule()
    {
        Needs.CniPlugins("host-local");
        string? dying = null;
        await using var lab = await AgentLab.CreateAsync(startAgent: false);
        await lab.StartAgentAsync(step: s =>
        {
            if (s == dying)
            {
                throw new InvalidOperationException("the test's own failure");
            }
        });
        var pod = lab.NewPod();
        (await lab.RunAsync("ADD", pod)).Succeeded();
        dying = "add.recorded";

        (await Second(lab, "ADD", pod)).Failed(999);

        Assert.Empty(Rules(pod));
        Assert.Single(lab.Acc.Model.Pods);
    }

    [Fact]
    public void A_default_route_in_another_table_does_not_replace_that_of_the_main_table()
    {
        var main = new CniRoute(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse("169.254.1.1"));
        var other = main with { Table = 100 };

        Assert.True(SourceRouting.IsNeeded([main, other], added: [other]));
        Assert.False(SourceRouting.IsNeeded([main, other], added: [main, other]));
        Assert.False(SourceRouting.IsNeeded([other], added: []));
    }

    /// <summary>The current target supports IPv4 only, so no ADD gets this far with IPv6 addresses.</summary>
    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2", "169.254.1.1")]
    [InlineData("fd00::1", "fd00::2", "fe80::1")]
    public void Packets_from_the_second_address_leave_by_the_second_interface(string first, string second, string gateway)
    {
        Needs.Root();
        var name = $"acct{Guid.NewGuid():N}"[..12];
        NetNamespace.CreateNamed(name).Dispose();
        try
        {
            using var pod = PodNetwork.Open(NetNamespace.NamedPath(name), "net1", allowHost: false);
            IPAddress[] gateways = [IPAddress.Parse(gateway)];
            foreach (var (link, address) in new[] { ("eth0", first), ("net1", second) })
            {
                var index = pod.Links.CreateVeth(new VethSpec { Name = link, PeerName = link + "p" })!.Index;
                pod.Links.SetUp(pod.Links.GetLink(link + "p")!.Index);
                IPAddress[] addresses = [IPAddress.Parse(address)];
                pod.Configure(index, addresses);
                var wanted = PodRoutes.For(addresses, gateways, []);
                var added = pod.AddRoutes(index, wanted);
                Assert.Equal(link == "net1", SourceRouting.IsNeeded(wanted, added));
                if (link == "net1")
                {
                    SourceRouting.Add(pod, index, SourceRouting.TableOf(index), addresses, gateways);
                }
            }
            var to = first.Contains(':', StringComparison.Ordinal) ? "2001:db8::1" : "192.0.2.1";
            Assert.Contains("dev eth0", Route($"route get {to} from {first}"), StringComparison.Ordinal);
            Assert.Contains("dev net1", Route($"route get {to} from {second}"), StringComparison.Ordinal);
        }
        finally
        {
            NetNamespace.DeleteNamed(name);
        }

        string Route(string arguments)
        {
            var (_, output, error) = Shell.RunAsync(null, "ip", ["-n", name, .. arguments.Split(' ')])
                .GetAwaiter().GetResult();
            return output + error;
        }
    }

    private static Task<PluginAnswer> Second(
        AgentLab lab, string command, Pod pod, JsonNode? prevResult = null, string version = "1.1.0") =>
        Task.Run(() => lab.Run(command, pod, version, prevResult, c =>
        {
            c["name"] = "second";
            c["ipam"]!["ranges"]![0]![0]!["subnet"] = "10.245.1.0/24";
        }, e => e["CNI_IFNAME"] = "net1"));

    private static IReadOnlyList<RoutingRule> Rules(Pod pod)
    {
        using var ns = pod.Open();
        using var links = RouteNetlink.Open(ns);
        return [.. links.GetRules().Where(r => r.Source is not null)];
    }
}
