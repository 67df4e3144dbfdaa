using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.NativeInterop.Tests;

/// <summary>The neighbour table of the real kernel: two namespaces joined by a veth pair.</summary>
public sealed class NeighborTests
{
    private static readonly IPAddress Own = IPAddress.Parse("192.0.2.10");
    private static readonly IPAddress Peer = IPAddress.Parse("192.0.2.1");
    private static readonly MacAddress PeerMac = MacAddress.Parse("02:00:00:00:00:01");

    [Fact]
    public void Neighbours_are_set_listed_replaced_and_deleted()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        a.Route.SetUp(link.Index);
        var v6 = IPAddress.Parse("2001:db8::1");
        foreach (var address in new[] { Peer, v6 })
        {
            var entry =
                new NeighborEntry { InterfaceIndex = link.Index, Address = address, Mac = PeerMac, State = NeighborStates.Permanent };
            Assert.False(a.Route.SetNeighbor(entry, create: false));
            Assert.True(a.Route.SetNeighbor(entry));
            Assert.True(a.Route.SetNeighbor(entry with { Mac = MacAddress.Parse("02:00:00:00:00:02") }));
        }

        var found = a.Route.GetNeighbors(link.Index).Where(n => n.State == NeighborStates.Permanent).ToList();
        Assert.Equal([Peer, v6], found.Select(n => n.Address));
        Assert.All(found, n => Assert.Equal("02:00:00:00:00:02", n.Mac.ToString()));
        Assert.Contains(a.Route.GetNeighbors(), n => n.Address.Equals(Peer));
        Assert.DoesNotContain(a.Route.GetNeighbors(link.PeerIndex), n => n.Address.Equals(Peer));
        Assert.True(a.Route.DeleteNeighbor(link.Index, Peer));
        Assert.False(a.Route.DeleteNeighbor(link.Index, IPAddress.Parse("192.0.2.77")));
        Assert.DoesNotContain(a.Route.GetNeighbors(link.Index), n => n.Address.Equals(Peer));
        Assert.Equal(
            Errno.ENODEV,
            Assert.Throws<NetlinkException>(() => a.Route.SetNeighbor(new NeighborEntry { InterfaceIndex = 999, Address = Peer })).Errno);
    }

    [Fact]
    public void Used_and_managed_neighbours_are_resolved_by_the_kernel()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var b = new TestNamespace();
        var link = Join(a, b);
        using var monitor = NeighborMonitor.Open(a.Ns);
        a.Route.SetNeighbor(new NeighborEntry { InterfaceIndex = link.Index, Address = Peer, Flags = NeighborFlags.Use });
        Expect(monitor, NeighborEventKind.Changed,
            n => n.Address.Equals(Peer) && n.Mac == PeerMac && n.State == NeighborStates.Reachable && n.Flags == NeighborFlags.None);
        Assert.InRange(
            a.Route.GetNeighbors(link.Index).Single(n => n.Address.Equals(Peer)).SinceConfirmed!.Value, TimeSpan.Zero,
            TimeSpan.FromSeconds(60));

        // Linux 5.16 and later.
        var managed = new NeighborEntry
        {
            InterfaceIndex = link.Index,
            Address = Peer,
            Flags = NeighborFlags.Use | NeighborFlags.Managed,
        };
        a.Route.SetNeighbor(managed);
        Expect(monitor, NeighborEventKind.Changed, n => n.Address.Equals(Peer) && n.Flags == NeighborFlags.Managed && n.Mac == PeerMac);
        a.Route.SetNeighbor(managed with { Flags = NeighborFlags.Use }, create: false);
        Expect(monitor, NeighborEventKind.Changed, n => n.Address.Equals(Peer) && n.Flags == NeighborFlags.None);

        // Nobody has that address.
        a.Route.SetNeighbor(managed with { Address = IPAddress.Parse("192.0.2.2") });
        Expect(monitor, NeighborEventKind.Changed,
            n => n.Address.Equals(IPAddress.Parse("192.0.2.2")) && n.State == NeighborStates.Failed && n.Mac is null);

        a.Route.DeleteNeighbor(link.Index, Peer);
        Expect(monitor, NeighborEventKind.Removed, n => n.Address.Equals(Peer));
    }

    [Fact]
    public async Task Lost_events_are_reported()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        a.Route.SetUp(link.Index);
        using var monitor = NeighborMonitor.Open(a.Ns);
        // More than any receive buffer that the monitor may have got.
        var commands = Enumerable.Range(0, 40_000)
            .Select(i => $"neigh replace 198.18.{i % 4000 / 250}.{i % 250} lladdr 02:00:00:00:{i / 256 % 256:x2}:{i % 256:x2} dev x0 nud permanent");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(file, commands, TestContext.Current.CancellationToken);
            await Shell.RunAsync(null, "ip", ["-n", a.Name, "-batch", file]).Succeeded();
        }
        finally
        {
            File.Delete(file);
        }

        var lost = false;
        while (monitor.TryRead(out var e))
        {
            lost |= e.Kind == NeighborEventKind.Lost;
        }

        Assert.True(lost);
        Assert.Equal(4000, a.Route.GetNeighbors(link.Index).Count(n => n.State == NeighborStates.Permanent));
    }

    [Fact]
    public void Changes_of_links_addresses_and_routes_are_signalled()
    {
        Needs.Root();
        using var a = new TestNamespace();
        using var monitor = ChangeMonitor.Open(a.Ns);
        Assert.False(monitor.Drain());
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1", Up = true })!;
        a.Route.SetUp(link.PeerIndex);
        ExpectChange();
        a.Route.AddAddress(link.Index, Own, 24);
        ExpectChange();
        a.Route.AddAddress(link.Index, IPAddress.Parse("2001:db8::10"), 64);
        ExpectChange();
        a.Route.AddRoute(new Route { Destination = IPNetwork.Parse("10.0.0.0/8"), Gateway = Peer });
        ExpectChange();
        a.Route.DeleteLink(link.Index);
        ExpectChange();

        void ExpectChange()
        {
            Wait.For(monitor.Handle, monitor.Drain, "a change");
            // The kernel may send more about the same change.
            while (monitor.Drain())
            {
            }
        }
    }

    [Fact]
    public void IPv4_settings_are_read_and_changed()
    {
        Needs.Root();
        using var a = new TestNamespace();
        var link = a.Route.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" })!;
        (IPv4Setting, int)[] wanted =
        [
            (IPv4Setting.Forwarding, 1), (IPv4Setting.RpFilter, 0), (IPv4Setting.AcceptLocal, 1), (IPv4Setting.ArpIgnore, 1),
            (IPv4Setting.ArpAnnounce, 2), (IPv4Setting.SendRedirects, 0), (IPv4Setting.AcceptRedirects, 0),
        ];
        a.Route.SetIPv4Settings(link.Index, wanted);
        var found = a.Route.GetIPv4Settings(link.Index)!;
        Assert.All(wanted, w => Assert.Equal(w.Item2, found[w.Item1]));
        // ip-sysctl names the same settings.
        Assert.Equal(["1", "0", "1", "1", "2", "0", "0"], a.Ns.Run(() =>
            new[] { "forwarding", "rp_filter", "accept_local", "arp_ignore", "arp_announce", "send_redirects", "accept_redirects" }
                .Select(n => File.ReadAllText($"/proc/sys/net/ipv4/conf/x0/{n}").Trim()).ToArray()));
        Assert.Null(a.Route.GetIPv4Settings(999));
    }

    private static LinkInfo Join(TestNamespace a, TestNamespace b)
    {
        var link = a.Route.CreateVeth(
            new VethSpec { Name = "x0", PeerName = "x0", PeerNamespace = b.Ns, PeerMac = PeerMac, Up = true })!;
        var peer = b.Route.GetLink("x0")!;
        b.Route.AddAddress(peer.Index, Peer, 24);
        b.Route.SetUp(peer.Index);
        a.Route.AddAddress(link.Index, Own, 24);
        a.WaitUntilRunning("x0");
        b.WaitUntilRunning("x0");
        return link;
    }

    private static void Expect(NeighborMonitor monitor, NeighborEventKind kind, Func<NeighborEntry, bool> condition) =>
        Wait.For(monitor.Handle, () =>
        {
            while (monitor.TryRead(out var e))
            {
                Assert.NotEqual(NeighborEventKind.Lost, e.Kind);
                if (e.Kind == kind && condition(e.Neighbor!))
                {
                    return true;
                }
            }

            return false;
        }, $"a neighbour {kind}");
}
