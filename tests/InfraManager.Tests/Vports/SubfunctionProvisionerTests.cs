using ACCOffload.Fakes;
using ACCOffload.InfraManager.Vports;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Tests.Vports;

/// <summary>The ACC's own subfunctions, against a kernel that answers as the real one does.</summary>
public sealed class SubfunctionMakerTests : IDisposable
{
    private static readonly MacAddress Mac = MacAddress.Parse("00:09:00:00:03:14");

    private readonly FakeHost _host = new();
    private readonly FakeDevlinkDevice _device;
    private readonly DevlinkClient _devlink;
    private readonly RouteNetlink _route;
    private readonly List<(string Link, int Queues)> _queues = [];

    public SubfunctionMakerTests()
    {
        _device = _host.AddDevlink(_host.AddPci("0000:01:00.0", netdev: "enp1s0"));
        _devlink = _host.OpenDevlink();
        _route = _host.OpenRoute();
    }

    public void Dispose()
    {
        _route.Dispose();
        _devlink.Dispose();
        _host.Dispose();
    }

    [Fact]
    public void It_is_made_active_named_up_and_has_its_queues()
    {
        var link = Maker().Ensure("acc0", Wanted(), default);
        Assert.Equal(("acc0", Mac, true), (link.Name, link.Mac, link.IsUp));
        var port = Assert.Single(_device.Subfunctions);
        Assert.Equal((4u, true, Mac), (port.SfNumber!.Value, port.Active, port.FunctionMac));
        Assert.Equal([("acc0", 4)], _queues);
    }

    [Fact]
    public void What_is_there_is_taken_over()
    {
        var first = Maker().Ensure("acc0", Wanted(), default);
        var changes = _host.Requests.Count(r => r.Name is "port new" or "function set");
        Assert.Equal(first.Index, Maker().Ensure("acc0", Wanted(), default).Index);
        Assert.Equal(changes, _host.Requests.Count(r => r.Name is "port new" or "function set"));
        // Another is another.
        Maker().Ensure("acc1", Wanted() with { SfNumber = 5, Mac = null, Queues = 0 }, default);
        Assert.Equal(2, _device.Subfunctions.Count);
        Assert.Equal(2, _queues.Count);
    }

    [Fact]
    public void An_address_that_changed_is_set_while_the_function_is_off()
    {
        Maker().Ensure("acc0", Wanted(), default);
        var other = MacAddress.Parse("00:0a:00:00:03:14");
        var link = Maker().Ensure("acc0", Wanted() with { Mac = other }, default);
        Assert.Equal((other, "acc0"), (link.Mac, link.Name));
        Assert.Single(_device.Subfunctions);
    }

    [Fact]
    public void What_fails_is_deleted_again()
    {
        _device.Activation = static _ => { };
        var e = Assert.Throws<NetlinkException>(() => Maker(TimeSpan.FromMilliseconds(200)).Ensure("acc0", Wanted(), default));
        Assert.Contains("no driver attached to it", e.Message, StringComparison.Ordinal);
        Assert.Empty(_device.Subfunctions);
    }

    [Fact]
    public void What_was_there_before_is_kept_when_it_fails()
    {
        Maker().Ensure("acc0", Wanted(), default);
        var broken = new SubfunctionMaker(_devlink, _route, (_, _) => throw new LinuxException("give acc0 9 queues, of which it has at most 8", Errno.EINVAL), TimeSpan.FromSeconds(60));
        Assert.Throws<LinuxException>(() => broken.Ensure("acc0", Wanted() with { Queues = 9 }, default));
        Assert.Single(_device.Subfunctions);
    }

    [Theory]
    [InlineData("pci/0000:01:00.0 sf 4", "pci/0000:01:00.0 pf 0 sf 4 mac  queues 0")]
    [InlineData("pci/0000:01:00.0 pf 1 sf 4 mac 00:09:00:00:03:14 queues 8", "pci/0000:01:00.0 pf 1 sf 4 mac 00:09:00:00:03:14 queues 8")]
    public void A_line_tells_it(string text, string told)
    {
        Assert.Null(SubfunctionSettings.Parse(text, out var settings));
        Assert.Equal(told, settings.ToString());
    }

    [Theory]
    [InlineData("", "begins with no devlink device")]
    [InlineData("nothing", "begins with no devlink device")]
    [InlineData("pci/0000:01:00.0", "has no number of the subfunction (sf)")]
    [InlineData("pci/0000:01:00.0 sf", "has no value for 'sf'")]
    [InlineData("pci/0000:01:00.0 sf x", "has sf 'x', which is none")]
    [InlineData("pci/0000:01:00.0 sf 4 mac 01:00:00:00:00:01", "has mac '01:00:00:00:00:01', which is none")]
    [InlineData("pci/0000:01:00.0 sf 4 queues 0", "has queues '0', which is none")]
    [InlineData("pci/0000:01:00.0 sf 4 colour 3", "has 'colour', which is none of pf, sf, mac and queues")]
    public void A_line_that_does_not_is_refused(string text, string reason) => Assert.Equal(reason, SubfunctionSettings.Parse(text, out _));

    private static SubfunctionSettings Wanted() => new(DevlinkHandle.Pci("0000:01:00.0"), 0, 4, Mac, 4);

    private SubfunctionMaker Maker(TimeSpan? limit = null) => new(_devlink, _route, (link, count) => _queues.Add((link, count)), limit ?? TimeSpan.FromSeconds(60));
}
