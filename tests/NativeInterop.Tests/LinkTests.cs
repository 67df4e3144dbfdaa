using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests;

public sealed class LinkTests
{
    [Fact]
    public void Veth_ends_are_created_in_their_namespaces()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        var mac = MacAddress.Parse("02:00:00:00:00:0a");
        var peerMac = MacAddress.Parse("02:00:00:00:00:0b");
        var near = a.Route.CreateVeth(
            new VethSpec { Name = "near", PeerName = "far", Mac = mac, PeerMac = peerMac, Mtu = 1400, PeerNamespace = b.Ns, Up = true });
        Assert.NotNull(near);
        Assert.Equal(("near", mac, 1400, true, "veth"), (near.Name, near.Mac, near.Mtu, near.IsUp, near.Kind));
        b.Route.SetUp(near.PeerIndex);
        var far = b.Route.GetLink("far");
        Assert.NotNull(far);
        Assert.Equal(("far", peerMac, 1400, true, "veth"), (far.Name, far.Mac, far.Mtu, far.IsUp, far.Kind));
        Assert.Equal(far.Index, near.PeerIndex);
        Assert.Equal(near.Index, far.PeerIndex);
        Assert.NotNull(near.PeerNamespaceId);
        Assert.Null(a.Route.GetLink("far"));
        Assert.True(far.HasCarrier);
    }

    [Fact]
    public void Both_ends_can_be_elsewhere()
    {
        Needs.Root();
        using var here = new TestNamespace();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        Assert.Null(here.Route.CreateVeth(new VethSpec { Name = "eth0", PeerName = "port0", Namespace = a.Ns, PeerNamespace = b.Ns }));
        Assert.NotNull(a.Route.GetLink("eth0"));
        Assert.NotNull(b.Route.GetLink("port0"));
        Assert.Single(here.Route.GetLinks());
    }

    [Fact]
    public void An_alternative_name_is_removed_so_that_the_link_can_be_renamed_to_it()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        using var ip = System.Diagnostics.Process.Start("ip", $"-n {a.Name} link property add dev x0 altname y0");
        ip.WaitForExit();
        Assert.Equal(["y0"], a.Route.GetLink("y0")!.AlternativeNames);
        Assert.Equal(Errno.EEXIST, Assert.Throws<NetlinkException>(() => a.Route.Rename(link.Index, "y0")).Errno);
        Assert.True(a.Route.RemoveAlternativeName(link.Index, "y0"));
        Assert.False(a.Route.RemoveAlternativeName(link.Index, "y0"));
        a.Route.Rename(link.Index, "y0");
        Assert.Equal(link.Index, a.Route.GetLink("y0")!.Index);
    }

    [Fact]
    public void A_link_is_changed_in_one_request_or_several()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        Assert.Null(link.PeerNamespaceId);
        a.Route.SetLink(link.Index,
            new LinkChange { Name = "y0", Mtu = 1280, Mac = MacAddress.Parse("02:00:00:00:00:01"), Alias = "attachment é", Up = true });
        var changed = a.Route.GetLink(link.Index)!;
        Assert.Equal(("y0", 1280, "02:00:00:00:00:01", "attachment é", true),
            (changed.Name, changed.Mtu, changed.Mac.ToString(), changed.Alias, changed.IsUp));
        a.Route.SetDown(link.Index);
        a.Route.Rename(link.Index, "z0");
        a.Route.SetMtu(link.Index, 1500);
        a.Route.SetMac(link.Index, MacAddress.Parse("02:00:00:00:00:02"));
        a.Route.SetAlias(link.Index, "");
        a.Route.SetUp(link.Index);
        changed = a.Route.GetLink("z0")!;
        Assert.Equal((link.Index, 1500, "02:00:00:00:00:02", null, true),
            (changed.Index, changed.Mtu, changed.Mac.ToString(), changed.Alias, changed.IsUp));
        Assert.Equal(["lo", "x1", "z0"], a.Route.GetLinks().Select(l => l.Name).Order());
    }

    [Fact]
    public void Links_are_deleted_together_and_no_others()
    {
        Needs.Root();
        using var plane = new TestNamespace();
        using var pod = new TestNamespace();
        var peers = Enumerable.Range(0, 5)
            .Select(i => pod.Route.CreateVeth(
                new VethSpec { Name = $"eth{i}", PeerName = $"port{i}", PeerNamespace = plane.Ns })!.PeerIndex).ToArray();
        var missing = peers.Max() + 1000;

        plane.Route.DeleteLinks([peers[0], peers[3], missing], 77);

        Assert.Equal(["lo", "port1", "port2", "port4"], plane.Route.GetLinks().Select(l => l.Name).Order());
        Assert.Equal(["eth1", "eth2", "eth4", "lo"], pod.Route.GetLinks().Select(l => l.Name).Order());
        // Deleting nothing is not an error.
        plane.Route.DeleteLinks([peers[0]], 77);
        plane.Route.DeleteLinks([], 77);
        Assert.Throws<ArgumentOutOfRangeException>(() => plane.Route.DeleteLinks([peers[1]], 0));
        Assert.Equal(4, plane.Route.GetLinks().Count);
    }

    [Fact]
    public void A_link_is_moved_and_renamed_in_one_request()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1", Up = true })!;
        a.Route.MoveToNamespace(link.Index, b.Ns, "eth0");
        Assert.Null(a.Route.GetLink("x0"));
        var moved = b.Route.GetLink("eth0");
        Assert.NotNull(moved);
        Assert.Equal(link.Mac, moved.Mac);
        Assert.False(moved.IsUp);
        // All at once: moved back, renamed, up.
        b.Route.SetLink(moved.Index, new LinkChange { Namespace = a.Ns, Name = "back", Up = true, Mtu = 1300 });
        var back = a.Route.GetLink("back")!;
        Assert.Equal((true, 1300), (back.IsUp, back.Mtu));
    }

    [Fact]
    public void The_kernels_errors_are_reported()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        var e = Assert.Throws<NetlinkException>(() => a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x2" }));
        Assert.Equal(Errno.EEXIST, e.Errno);
        Assert.Null(a.Route.GetLink("x2"));
        e = Assert.Throws<NetlinkException>(() => a.Route.CreateVeth(new VethSpec { Name = "x3", PeerName = "x1" }));
        Assert.Equal(Errno.EEXIST, e.Errno);
        Assert.Null(a.Route.GetLink("x3"));
        e = Assert.Throws<NetlinkException>(() => a.Route.SetMtu(link.Index, 1_000_000));
        Assert.Equal(Errno.EINVAL, e.Errno);
        Assert.Contains("mtu", e.KernelMessage, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(e.KernelMessage!, e.Message, StringComparison.Ordinal);
        e = Assert.Throws<NetlinkException>(() => a.Route.SetUp(4711));
        Assert.Equal(Errno.ENODEV, e.Errno);
        b.Route.CreateVeth(new VethSpec { Name = "eth0", PeerName = "y1" });
        e = Assert.Throws<NetlinkException>(() => a.Route.MoveToNamespace(link.Index, b.Ns, "eth0"));
        Assert.Equal(Errno.EEXIST, e.Errno);
        Assert.NotNull(a.Route.GetLink("x0"));
    }

    [Fact]
    public void Deleting_one_end_deletes_both_and_repeating_it_is_not_an_error()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        Assert.True(a.Route.DeleteLink(link.Index));
        Assert.False(a.Route.DeleteLink(link.Index));
        Assert.Equal(["lo"], a.Route.GetLinks().Select(l => l.Name));
    }

    [Fact]
    public void No_IPv6_addresses_are_generated()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        a.Route.SetUp(link.PeerIndex);
        a.Route.SetIPv6AddrGenModeNone(link.Index);
        a.Route.SetUp(link.Index);
        Assert.Empty(a.Route.GetAddresses(link.Index));
    }

    [Fact]
    public void Many_links_are_listed_completely()
    {
        Needs.Root();
        using var a = new TestNamespace();
        for (var i = 0; i < 100; i++)
        {
            a.Route.CreateVeth(new VethSpec { Name = $"a{i}", PeerName = $"b{i}" });
        }

        Assert.Equal(201, a.Route.GetLinks().Count);
        Assert.Equal(201, a.Route.GetLinks().Select(l => l.Index).Distinct().Count());
    }

    [Theory]
    [InlineData("")]
    [InlineData("sixteen-bytes-xx")]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("eth%d")]
    [InlineData("..")]
    [InlineData("a:b")]
    [InlineData("ééééééééé")]
    public void Invalid_names_are_rejected_without_a_request(string name)
    {
        Assert.False(InterfaceName.IsValid(name));
        Assert.Throws<ArgumentException>(() => InterfaceName.Checked(name));
    }

    [Theory]
    [InlineData("eth0")]
    [InlineData("fifteen-bytes-x")]
    [InlineData("acc0123456789ab")]
    public void Valid_names_are_accepted(string name) => Assert.True(InterfaceName.IsValid(name));
}
