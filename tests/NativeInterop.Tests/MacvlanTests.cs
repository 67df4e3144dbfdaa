using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Packets;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class MacvlanTests
{
    [Fact]
    public void A_link_is_deleted_with_its_namespace_and_its_parent_stays()
    {
        Needs.Tap();
        using var home = new TestNamespace();
        using var tap = PacketPort.OpenTap(home.Ns, "TAP0");
        var parent = home.Route.GetLink("TAP0")!;
        using (var pod = new TestNamespace())
        {
            Assert.Null(home.Route.CreateMacvlan(new MacvlanSpec { Name = "eth0", Parent = parent.Index, Namespace = pod.Ns }));
            var link = pod.Route.GetLink("eth0")!;
            Assert.Equal(("macvlan", parent.Mac, parent.Mtu), (link.Kind, link.Mac, link.Mtu));

            // A change of its address changes the parent's.
            pod.Route.SetLink(link.Index, new LinkChange { Mac = MacAddress.Parse("02:00:00:00:00:77") });
            Assert.Equal(MacAddress.Parse("02:00:00:00:00:77"), home.Route.GetLink("TAP0")!.Mac);

            // A second one is refused.
            var refused = Assert.Throws<NetlinkException>(
                () => home.Route.CreateMacvlan(new MacvlanSpec { Name = "eth1", Parent = parent.Index }));
            Assert.Equal(Errno.EINVAL, refused.Errno);
        }

        Assert.Equal("tun", home.Route.GetLink("TAP0")!.Kind);
    }
}
