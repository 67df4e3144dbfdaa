using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.NativeInterop.Tests;

public sealed class AddressAndRouteTests
{
    private static readonly IPAddress Gateway = IPAddress.Parse("169.254.1.1");

    [Fact]
    public void Addresses_are_added_listed_replaced_and_deleted()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        var v4 = IPAddress.Parse("10.244.1.7");
        var v6 = IPAddress.Parse("fd00::7");
        a.Route.AddAddress(link.Index, v4, 32);
        a.Route.AddAddress(link.Index, v6, 128);
        var e = Assert.Throws<NetlinkException>(() => a.Route.AddAddress(link.Index, v4, 32));
        Assert.Equal(Errno.EEXIST, e.Errno);
        a.Route.AddAddress(link.Index, v4, 32, replace: true);
        Assert.Equal([(v4, 32), (v6, 128)], a.Route.GetAddresses(link.Index).Select(x => (x.Address, x.PrefixLength)));
        Assert.Equal(2, a.Route.GetAddresses().Count);
        Assert.True(a.Route.DeleteAddress(link.Index, v4, 32));
        Assert.False(a.Route.DeleteAddress(link.Index, v4, 32));
        Assert.True(a.Route.DeleteAddress(link.Index, v6, 128));
        Assert.False(a.Route.DeleteAddress(link.Index, v6, 128));
        Assert.Empty(a.Route.GetAddresses(link.Index));
    }

    [Fact]
    public void A_pods_routes_lead_to_the_dummy_gateway()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "eth0");
        var pod = IPAddress.Parse("10.244.1.7");
        a.Route.AddAddress(link.Index, pod, 32);
        a.Route.AddRoute(
            new Route { Destination = new IPNetwork(Gateway, 32), InterfaceIndex = link.Index, PreferredSource = pod, Mtu = 1400 });
        a.Route.AddRoute(new Route { Destination = IPNetwork.Parse("0.0.0.0/0"), Gateway = Gateway, InterfaceIndex = link.Index });
        var routes = a.Route.GetRoutes(link.Index).Where(r => r.Destination.BaseAddress.AddressFamily == pod.AddressFamily).ToArray();
        Assert.Equal(2, routes.Length);
        var direct = Assert.Single(routes, r => r.Destination.Equals(new IPNetwork(Gateway, 32)));
        Assert.Equal((RouteScope.Link, null, 1400, pod), (direct.Scope, direct.Gateway, direct.Mtu, direct.PreferredSource));
        var defaultRoute = Assert.Single(routes, r => r.Destination.PrefixLength == 0);
        Assert.Equal((RouteScope.Universe, Gateway, link.Index, Route.StaticProtocol),
            (defaultRoute.Scope, defaultRoute.Gateway, defaultRoute.InterfaceIndex, defaultRoute.Protocol));
        Assert.Equal(Errno.EEXIST, Assert.Throws<NetlinkException>(() => a.Route.AddRoute(defaultRoute)).Errno);
        a.Route.AddRoute(defaultRoute, replace: true);
        Assert.True(a.Route.DeleteRoute(defaultRoute));
        Assert.False(a.Route.DeleteRoute(defaultRoute));
        Assert.True(a.Route.DeleteRoute(new Route { Destination = new IPNetwork(Gateway, 32) }));
    }

    [Fact]
    public void A_gateway_outside_all_subnets_requires_onlink()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "acc0");
        a.Route.AddAddress(link.Index, IPAddress.Parse("200.1.1.2"), 32);
        var route = new Route { Destination = IPNetwork.Parse("10.244.0.0/16"), Gateway = Gateway, InterfaceIndex = link.Index };
        var e = Assert.Throws<NetlinkException>(() => a.Route.AddRoute(route));
        Assert.Equal(Errno.ENETUNREACH, e.Errno);
        Assert.Contains("gateway", e.KernelMessage, StringComparison.Ordinal);
        a.Route.AddRoute(route with { OnLink = true });
        var added = Assert.Single(a.Route.GetRoutes(link.Index), r => r.Destination.Equals(route.Destination));
        Assert.True(added.OnLink);
        Assert.Equal(Gateway, added.Gateway);
    }

    [Fact]
    public void IPv6_and_mixed_routes()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "x0");
        a.Route.AddAddress(link.Index, IPAddress.Parse("fd00::7"), 64);
        var v6 = new Route
        {
            Destination = IPNetwork.Parse("::/0"),
            Gateway = IPAddress.Parse("fd00::1"),
            InterfaceIndex = link.Index,
            Metric = 50,
        };
        a.Route.AddRoute(v6);
        Assert.Equal(50, Assert.Single(a.Route.GetRoutes(link.Index), r => r.Gateway is not null).Metric);
        // IPv4 through an IPv6 next hop.
        a.Route.AddRoute(
            new Route { Destination = IPNetwork.Parse("10.0.0.0/8"), Gateway = IPAddress.Parse("fd00::1"), InterfaceIndex = link.Index });
        Assert.Equal(
            v6.Gateway, Assert.Single(a.Route.GetRoutes(link.Index), r => r.Destination.Equals(IPNetwork.Parse("10.0.0.0/8"))).Gateway);
        Assert.True(a.Route.DeleteRoute(v6));
    }

    /// <summary>Metrics and tables are u32 in the kernel (linux/rtnetlink.h).</summary>
    [Fact]
    public async Task Routes_of_other_programs_with_the_largest_numbers_are_read()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "x0");
        foreach (var route in new[] { "10.9.0.0/16 dev x0 metric 4294967295", "10.8.0.0/16 dev x0 table 4294967295" })
        {
            await Shell.RunAsync(null, "ip", ["-n", a.Name, "route", "add", .. route.Split(' ')]).Succeeded();
        }

        var found = Assert.Single(a.Route.GetRoutes(link.Index), r => r.Destination.Equals(IPNetwork.Parse("10.9.0.0/16")));
        Assert.Equal(int.MaxValue, found.Metric);
    }

    [Theory]
    [InlineData("10.9.0.0/16 metric 50 nexthop dev x0 nexthop dev x1 weight 2")]
    [InlineData("fd00:9::/64 metric 50 nexthop via fd00:1::1 dev x0 nexthop via fd00:2::1 dev x1")]
    public async Task Multipath_routes_are_listed_for_all_links_and_can_be_deleted(string route)
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "x0");
        a.Route.AddAddress(link.Index, IPAddress.Parse("fd00:1::7"), 64);
        a.Route.AddAddress(link.PeerIndex, IPAddress.Parse("fd00:2::7"), 64);
        await Shell.RunAsync(null, "ip", ["-n", a.Name, "route", "add", .. route.Split(' ')]).Succeeded();

        var found = Assert.Single(a.Route.GetRoutes(), r => r.Metric == 50);
        Assert.Equal((true, null, 0), (found.IsMultipath, found.Gateway, found.InterfaceIndex));
        Assert.Equal(IPNetwork.Parse(route.Split(' ')[0]), found.Destination);
        Assert.DoesNotContain(a.Route.GetRoutes(link.Index), r => r.Metric == 50);
        Assert.Throws<ArgumentException>(() => a.Route.AddRoute(found, replace: true));

        Assert.True(a.Route.DeleteRoute(found));
        Assert.DoesNotContain(a.Route.GetRoutes(), r => r.Metric == 50);
    }

    [Fact]
    public void Tables_are_kept_apart()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = UpVeth(a, "x0");
        var route = new Route { Destination = IPNetwork.Parse("10.9.0.0/16"), InterfaceIndex = link.Index, Table = 5000 };
        Assert.Empty(a.Route.GetRoutes(0, 5000));
        a.Route.AddRoute(route);
        Assert.Equal(5000, Assert.Single(a.Route.GetRoutes(link.Index, 5000)).Table);
        Assert.DoesNotContain(a.Route.GetRoutes(), r => r.Destination.Equals(route.Destination));
        Assert.True(a.Route.DeleteRoute(route));
    }

    private static LinkInfo UpVeth(TestNamespace ns, string name)
    {
        var link = ns.Route.CreateVeth(new VethSpec { Name = name, PeerName = "x1", Up = true })!;
        ns.Route.SetUp(link.PeerIndex);
        return link;
    }
}
