using ACCOffload.FakeKernel;
using ACCOffload.InfraManager.Vports;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.InfraManager.Tests.Vports;

/// <summary>The ACC's own subfunctions, with a fake kernel.</summary>
public sealed class SubfunctionProvisionerTests : IDisposable
{
    private static readonly MacAddress Mac = MacAddress.Parse("00:09:00:00:03:14");

    private readonly FakeHost _host = new();
    private readonly FakeDevlinkDevice _device;
    private readonly DevlinkClient _devlink;
    private readonly RouteNetlink _route;
    private readonly List<(string Link, int Queues)> _queues = [];

    public SubfunctionProvisionerTests()
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
    public void A_subfunction_is_created_activated_named_set_up_and_has_its_queues()
    {
        var link = Provisioner().Ensure("acc0", Wanted(), default);
        Assert.Equal(("acc0", Mac, true), (link.Name, link.Mac, link.IsUp));
        var port = Assert.Single(_device.Subfunctions);
        Assert.Equal((4u, true, Mac), (port.SfNumber!.Value, port.Active, port.FunctionMac));
        Assert.Equal([("acc0", 4)], _queues);
    }

    [Fact]
    public void An_existing_subfunction_is_reused()
    {
        var first = Provisioner().Ensure("acc0", Wanted(), default);
        var changes = _host.Requests.Count(r => r.Name is "port new" or "function set");
        Assert.Equal(first.Index, Provisioner().Ensure("acc0", Wanted(), default).Index);
        Assert.Equal(changes, _host.Requests.Count(r => r.Name is "port new" or "function set"));
        // A subfunction with another number is created.
        Provisioner().Ensure("acc1", Wanted() with { SfNumber = 5, Mac = null, Queues = 0 }, default);
        Assert.Equal(2, _device.Subfunctions.Count);
        Assert.Equal(2, _queues.Count);
    }

    [Fact]
    public void A_changed_address_is_set_while_the_function_is_inactive()
    {
        Provisioner().Ensure("acc0", Wanted(), default);
        var other = MacAddress.Parse("00:0a:00:00:03:14");
        var link = Provisioner().Ensure("acc0", Wanted() with { Mac = other }, default);
        Assert.Equal((other, "acc0"), (link.Mac, link.Name));
        Assert.Single(_device.Subfunctions);
    }

    [Fact]
    public void A_new_subfunction_is_deleted_after_a_failure()
    {
        _device.Activation = static _ => { };
        var e = Assert.Throws<NetlinkException>(() => Provisioner(TimeSpan.FromMilliseconds(200)).Ensure("acc0", Wanted(), default));
        Assert.Contains("no driver attached to it", e.Message, StringComparison.Ordinal);
        Assert.Empty(_device.Subfunctions);
    }

    [Fact]
    public void An_existing_subfunction_is_kept_after_a_failure()
    {
        Provisioner().Ensure("acc0", Wanted(), default);
        var broken = new SubfunctionProvisioner(
            _devlink, _route, (_, _) => throw new LinuxException("set 9 queues of acc0", Errno.EINVAL), TimeSpan.FromSeconds(60));
        Assert.Throws<LinuxException>(() => broken.Ensure("acc0", Wanted() with { Queues = 9 }, default));
        Assert.Single(_device.Subfunctions);
    }

    [Theory]
    [InlineData("pci/0000:01:00.0 sf 4", "pci/0000:01:00.0 pf 0 sf 4 mac  queues 0")]
    [InlineData("pci/0000:01:00.0 pf 1 sf 4 mac 00:09:00:00:03:14 queues 8", "pci/0000:01:00.0 pf 1 sf 4 mac 00:09:00:00:03:14 queues 8")]
    public void A_valid_line_is_parsed(string text, string expected)
    {
        Assert.Null(SubfunctionSettings.Parse(text, out var settings));
        Assert.Equal(expected, settings.ToString());
    }

    [Theory]
    [InlineData("", "does not start with a devlink device")]
    [InlineData("nothing", "does not start with a devlink device")]
    [InlineData("pci/0000:01:00.0", "has no subfunction number (sf)")]
    [InlineData("pci/0000:01:00.0 sf", "has no value for 'sf'")]
    [InlineData("pci/0000:01:00.0 sf x", "has an invalid value 'x' for 'sf'")]
    [InlineData("pci/0000:01:00.0 sf 4 mac 01:00:00:00:00:01", "has an invalid value '01:00:00:00:00:01' for 'mac'")]
    [InlineData("pci/0000:01:00.0 sf 4 queues 0", "has an invalid value '0' for 'queues'")]
    [InlineData("pci/0000:01:00.0 sf 4 colour 3", "has the unknown option 'colour' (known: pf, sf, mac, queues)")]
    public void An_invalid_line_is_rejected(string text, string reason) => Assert.Equal(reason, SubfunctionSettings.Parse(text, out _));

    private static SubfunctionSettings Wanted() => new(DevlinkHandle.Pci("0000:01:00.0"), 0, 4, Mac, 4);

    private SubfunctionProvisioner Provisioner(TimeSpan? timeout = null) =>
        new(_devlink, _route, (link, count) => _queues.Add((link, count)), timeout ?? TimeSpan.FromSeconds(60));
}
