using ACCOffload.FakeKernel;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Simulated functions with real links in a namespace.</summary>
public sealed class NamespaceNetdevsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact]
    public void A_subfunction_gets_a_real_link_that_is_deleted_with_it()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        using var pod = new TestNamespace();
        using var netdevs = new NamespaceNetdevs(ns.Ns);
        using var host = new FakeHost(netdevs);
        var device = host.AddDevlink(host.AddPci("0000:01:00.0", netdev: "enp1s0"));
        using var devlink = host.OpenDevlink();
        var port = devlink.CreateSubfunction(new SubfunctionSpec { Device = device.Handle, PfNumber = 0, SfNumber = 7 });
        var mac = MacAddress.Parse("02:00:00:00:00:07");
        devlink.SetFunction(device.Handle, port.Index, new FunctionChange { Mac = mac });
        var made = devlink.ActivateSubfunction(device.Handle, port.Index, Long);
        var link = ns.Route.GetLink("sf0n7")!;
        Assert.Equal((link.Index, link.Name, mac), (made.NetdevIndex, made.NetdevName, link.Mac));
        Assert.Equal(["sf0n7"], host.Pci.AuxiliaryNetdevs(device.Handle, 7));
        ns.Route.Rename(link.Index, "renamed");
        Assert.Equal(["renamed"], host.Pci.AuxiliaryNetdevs(device.Handle, 7));
        ns.Route.MoveToNamespace(link.Index, pod.Ns, "eth0");
        Assert.Empty(host.Pci.AuxiliaryNetdevs(device.Handle, 7));
        Assert.NotNull(pod.Route.GetLink("eth0"));
        Assert.True(devlink.DeletePort(device.Handle, port.Index));
        Assert.Null(pod.Route.GetLink("eth0"));
        Assert.NotNull(ns.Route.GetLink("enp1s0"));
    }

    [Fact]
    public void A_link_returns_when_its_namespace_is_deleted()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        using var netdevs = new NamespaceNetdevs(ns.Ns);
        using var host = new FakeHost(netdevs);
        var pf = host.AddPci("0000:01:00.0", totalVfs: 4, netdev: "enp1s0");
        host.Pci.SetVfCount(pf.Address, 2);
        var vf = host.Pci.VirtualFunctions(pf.Address)[1];
        Assert.Equal("enp1s0v1", vf.Netdev);
        using var links = host.OpenLinks();
        using (var pod = new TestNamespace())
        {
            ns.Route.MoveToNamespace(ns.Route.GetLink("enp1s0v1")!.Index, pod.Ns, "eth0");
            Assert.Null(host.Pci.VirtualFunctions(pf.Address)[1].Netdev);
        }
        var name = host.Pci.WaitForNetdev(vf.Address, Long, links);
        Assert.StartsWith("dev", name, StringComparison.Ordinal);
        Assert.Equal(pf.Functions[1].Mac, ns.Route.GetLink(name)!.Mac);
        host.Pci.SetVfCount(pf.Address, 0);
        Assert.Equal(["enp1s0", "lo"], ns.Route.GetLinks().Select(l => l.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Virtual_functions_are_configured_through_a_real_link()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        using var netdevs = new NamespaceNetdevs(ns.Ns);
        using var host = new FakeHost(netdevs);
        using var route = host.OpenRoute();
        var pf = host.AddPci("0000:01:00.0", totalVfs: 4, netdev: "enp1s0");
        host.Pci.SetVfCount(pf.Address, 2);
        var index = route.GetLink("enp1s0")!.Index;
        route.SetVf(index, 1, new VfChange { Vlan = 7, MaxRate = 100 });
        Assert.Equal((7, 100), (route.GetVfs(index)[1].Vlan, route.GetVfs(index)[1].MaxRate));
        route.SetUp(index);
        Assert.True(route.GetLink(index)!.IsUp);
        Assert.Equal(Errno.EOPNOTSUPP,
            Assert.Throws<NetlinkException>(() => route.SetVf(route.GetLink("lo")!.Index, 0, new VfChange { Trust = true })).Errno);
    }
}
