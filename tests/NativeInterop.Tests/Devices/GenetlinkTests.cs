using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Generic netlink against the running kernel: every kernel has the controller's own family.</summary>
public sealed class GenetlinkTests
{
    [Fact]
    public void A_family_is_found_with_its_groups()
    {
        using var sockets = new NamespaceSockets(null);
        using var genetlink = new Genetlink(new NetlinkConnection(sockets.OpenGeneric()));
        var family = genetlink.FindFamily("nlctrl", "find the controller")!;
        Assert.Equal(("nlctrl", GenetlinkCodec.GENL_ID_CTRL), (family.Name, family.Id));
        Assert.Contains("notify", family.Groups.Keys);
        using var subscription = sockets.SubscribeToGeneric(family.Groups["notify"], "subscribe to families");
        Assert.Equal(Errno.EAGAIN, subscription.Receive(new byte[100], TimeSpan.Zero, out _));
    }

    [Fact]
    public void A_family_that_the_kernel_does_not_have_is_null()
    {
        using var sockets = new NamespaceSockets(null);
        using var genetlink = new Genetlink(new NetlinkConnection(sockets.OpenGeneric()));
        Assert.Null(genetlink.FindFamily("acc-none", "find nothing"));
        Assert.ThrowsAny<LinuxException>(() => sockets.SubscribeToGeneric(int.MaxValue, "subscribe to nothing"));
    }

    [Fact]
    public void Sockets_stay_in_the_namespace_after_its_owner_closed_it()
    {
        Needs.Root();
        using var ns = new TestNamespace();
        ns.Route.CreateVeth(new VethSpec { Name = "only-here", PeerName = "x1" });
        NamespaceSockets sockets;
        using (var handle = NetNamespace.OpenNamed(ns.Name))
        {
            sockets = new NamespaceSockets(handle);
        }

        using (sockets)
        {
            using var route = new RouteNetlink(new NetlinkConnection(sockets.OpenRoute()));
            Assert.NotNull(route.GetLink("only-here"));
            using var links = sockets.SubscribeToLinks();
            ns.Route.SetUp(ns.Route.GetLink("x1")!.Index);
            Assert.Equal(Errno.None, links.Receive(new byte[8192], TimeSpan.FromSeconds(20), out _));
        }
    }
}
