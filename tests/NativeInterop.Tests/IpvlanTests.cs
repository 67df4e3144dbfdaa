using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.NativeInterop.Tests;

public sealed class IpvlanTests
{
    [Fact]
    public void A_link_in_another_namespace_has_the_address_of_its_parent()
    {
        Needs.Ipvlan();
        using var home = new TestNamespace();
        using var pod = new TestNamespace();
        var parent = home.Route.CreateVeth(new VethSpec { Name = "parent", PeerName = "peer", Up = true })!;
        Assert.Null(home.Route.CreateIpvlan(new IpvlanSpec { Name = "eth0", Parent = parent.Index, Namespace = pod.Ns, Mtu = 1400 }));
        var link = pod.Route.GetLink("eth0")!;
        Assert.Equal(("ipvlan", parent.Mac, 1400), (link.Kind, link.Mac, link.Mtu));
    }
}
