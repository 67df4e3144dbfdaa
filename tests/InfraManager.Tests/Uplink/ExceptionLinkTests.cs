using System.Net;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>Creating the exception interface: a veth pair for the embedded target, or an existing device that is moved.</summary>
public sealed class ExceptionLinkTests : IDisposable
{
    private static readonly MacAddress Mac = MacAddress.Parse("02:00:00:00:00:99");

    private readonly string _ports = $"imx-{Guid.NewGuid():N}p";
    private readonly string _acc = $"imx-{Guid.NewGuid():N}a";

    // Unique, because the tests' own namespace is that of the machine.
    private readonly string _interface = $"ax{Guid.NewGuid():N}"[..15];

    private UplinkSettings Settings => new("eth1", Mac, [])
    {
        Addresses = [new(IPAddress.Parse("192.0.2.10"), 24)],
        Exception = new ExceptionPort("accx0", _interface, NetNamespace.NamedPath(_acc)),
    };

    public void Dispose()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return;
        }

        NetNamespace.DeleteNamed(_ports);
        NetNamespace.DeleteNamed(_acc);
        using var own = RouteNetlink.Open();
        if (own.GetLink(_interface) is { } left)
        {
            own.DeleteLink(left.Index);
        }
    }

    [Fact]
    public void A_pair_with_its_namespaces_is_made_once()
    {
        Needs.Root();
        Assert.True(Embedded().Ensure(createNamespaces: true));
        var (near, port) = (Near()!, Port()!);
        Assert.Equal((port.Index, near.Index), (near.PeerIndex, port.PeerIndex));
        Assert.Equal((Mac, 9216, 9216, true, true), (near.Mac, near.Mtu, port.Mtu, near.IsRunning, port.IsRunning));
        foreach (var (ns, name) in new[] { (_acc, _interface), (_ports, "accx0") })
        {
            using var opened = NetNamespace.OpenNamed(ns);
            var features = opened.Run(() => EthtoolSettings.GetActiveFeatures(name));
            Assert.DoesNotContain(features, f => f.StartsWith("tx-checksum", StringComparison.Ordinal)
                || f.EndsWith("-segmentation", StringComparison.Ordinal));
        }

        // No end announces itself: without an IPv6 address nothing is sent.
        Assert.Empty(In(_acc, links => links.GetAddresses(near.Index)));
        Assert.Empty(In(_ports, links => links.GetAddresses(port.Index)));
        Assert.True(Embedded().Ensure(createNamespaces: true));
        Assert.Equal((near.Index, port.Index), (Near()!.Index, Port()!.Index));
    }

    [Fact]
    public void A_half_made_pair_is_repaired()
    {
        Needs.Root();
        Assert.True(Embedded().Ensure(createNamespaces: true));
        // The port's end is elsewhere, and another pair has taken its name.
        In(_ports, links =>
        {
            links.SetDown(links.GetLink("accx0")!.Index);
            links.Rename(links.GetLink("accx0")!.Index, "lost0");
            return links.CreateVeth(new VethSpec { Name = "accx0", PeerName = "other0" });
        });
        Assert.True(Embedded().Ensure(createNamespaces: false));
        Assert.Equal((Port()!.Index, Near()!.Index), (Near()!.PeerIndex, Port()!.PeerIndex));
        Assert.True(Port()!.IsRunning);
        Assert.Null(In(_ports, links => links.GetLink("lost0")));

        // Down, or with the MTU of another release.
        In(_ports, links =>
        {
            links.SetLink(links.GetLink("accx0")!.Index, new LinkChange { Up = false, Mtu = 1500 });
            return true;
        });
        Assert.True(Embedded().Ensure(createNamespaces: false));
        Assert.Equal((9216, true), (Port()!.Mtu, Port()!.IsRunning));

        // One end without the other: both are gone, which is how the kernel deletes them.
        In(_acc, links => links.DeleteLink(links.GetLink(_interface)!.Index));
        Assert.True(Embedded().Ensure(createNamespaces: false));
        Assert.NotNull(Near());
    }

    [Fact]
    public void A_device_of_another_kind_is_not_deleted()
    {
        Needs.Root();
        NetNamespace.CreateNamed(_ports).Dispose();
        In(_ports, links =>
        {
            links.CreateVeth(new VethSpec { Name = "x0", PeerName = "x1" });
            return links.CreateMacvlan(new MacvlanSpec { Name = "accx0", Parent = links.GetLink("x0")!.Index });
        });
        var e = Assert.Throws<LinuxException>(() => Embedded().Ensure(createNamespaces: true));
        Assert.Contains("another device of the name accx0", e.Message, StringComparison.Ordinal);
        Assert.Equal("macvlan", Port()!.Kind);
    }

    [Fact]
    public void Without_the_right_to_make_namespaces_a_missing_one_is_an_error()
    {
        Needs.Root();
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => Embedded().Ensure(createNamespaces: false)).Errno);
        Assert.False(File.Exists(NetNamespace.NamedPath(_acc)));
    }

    [Fact]
    public void The_interface_of_another_target_is_moved_to_its_namespace()
    {
        Needs.Root();
        var link = new ExceptionLink(Settings, null);
        Assert.False(link.Ensure(createNamespaces: true));
        using (var own = RouteNetlink.Open())
        {
            own.CreateVeth(new VethSpec { Name = _interface, PeerName = $"{_interface[..14]}y" });
        }

        Assert.True(link.Ensure(createNamespaces: false));
        Assert.NotNull(Near());
        using (var own = RouteNetlink.Open())
        {
            Assert.Null(own.GetLink(_interface));
        }

        Assert.True(link.Ensure(createNamespaces: false));
    }

    [Fact]
    public async Task A_process_that_may_make_namespaces_makes_everything_by_itself()
    {
        Needs.Root();
        var sink = new RecordedNeighbors();
        using var watch = new UplinkWatch(
            TestNode.Settings with { Uplink = Settings }, NetNamespace.NamedPath(_ports), createNamespaces: true, sink,
            TimeProvider.System, NullLogger.Instance);
        watch.Start();
        await Eventually.TrueAsync(() => watch.Problem.Length == 0, () => watch.Problem);
        Assert.Contains(In(_acc, l => l.GetAddresses(Near()!.Index)), a => a.Address.ToString() == "192.0.2.10");

        // Also after somebody has deleted it.
        In(_ports, links => links.DeleteLink(links.GetLink("accx0")!.Index));
        await Eventually.TrueAsync(() => Port() is not null && watch.Problem.Length == 0, () => watch.Problem);
        NetNamespace.DeleteNamed(_acc);
        await Eventually.TrueAsync(
            () => File.Exists(NetNamespace.NamedPath(_acc)) && Near() is { IsRunning: true } && watch.Problem.Length == 0,
            () => watch.Problem);
    }

    private ExceptionLink Embedded() => new(Settings, NetNamespace.NamedPath(_ports));

    private LinkInfo? Near() => In(_acc, links => links.GetLink(_interface));

    private LinkInfo? Port() => In(_ports, links => links.GetLink("accx0"));

    private static T In<T>(string ns, Func<RouteNetlink, T> code)
    {
        using var opened = NetNamespace.OpenNamed(ns);
        using var links = RouteNetlink.Open(opened);
        return code(links);
    }
}
