using ACCOffload.FakeKernel;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Waiting for a subfunction's driver and netdev that are slow, fail or disappear.</summary>
public sealed class DevlinkActivationTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    private readonly FakeHost _host = new();
    private readonly FakeDevlinkDevice _device;
    private readonly DevlinkClient _devlink;

    public DevlinkActivationTests()
    {
        _device = _host.AddDevlink(_host.AddPci("0000:01:00.0", netdev: "enp1s0"));
        _devlink = _host.OpenDevlink();
    }

    public void Dispose()
    {
        _devlink.Dispose();
        _host.Dispose();
    }

    [Fact]
    public void Activation_completes_when_driver_and_netdev_are_ready()
    {
        var port = Create(7);
        var made = Activate(port);
        Assert.Equal("sf0n7", made.NetdevName);
        Assert.Equal(_host.Links.All.Single(l => l.Name == "sf0n7").Index, made.NetdevIndex);
        Assert.Equal((true, true), (made.Port.FunctionActive!.Value, made.Port.FunctionAttached!.Value));
        Assert.StartsWith("fake_core.", made.AuxiliaryDevice, StringComparison.Ordinal);
        // Again: it is already active.
        var sets = _host.Requests.Count(r => r.Name == "function set");
        Assert.Equal(made, Activate(port));
        Assert.Equal(sets, _host.Requests.Count(r => r.Name == "function set"));
    }

    [Fact]
    public void Subfunctions_with_the_same_number_on_two_devices_are_distinguished()
    {
        var second = _host.AddDevlink(_host.AddPci("0000:01:00.1"));
        second.PfNumber = 1;
        var a = Activate(Create(7));
        var b = _devlink.ActivateSubfunction(second.Handle,
            _devlink.CreateSubfunction(new SubfunctionSpec { Device = second.Handle, PfNumber = 1, SfNumber = 7 }).Index, Long);
        Assert.Equal(("sf0n7", "sf1n7"), (a.NetdevName, b.NetdevName));
        Assert.Equal(["sf1n7"], _host.Pci.AuxiliaryNetdevs(second.Handle, 7));
        Assert.Empty(_host.Pci.AuxiliaryNetdevs(second.Handle, 8));
    }

    [Fact]
    public async Task A_slow_driver_is_waited_for()
    {
        using var attach = new ManualResetEventSlim();
        using var netdev = new ManualResetEventSlim();
        _device.Activation = port =>
        {
            attach.Wait();
            port.Attach();
            netdev.Wait();
            port.AddNetdev();
        };
        var port = Create(7);
        var waiting = Start(() => Activate(port));
        Until(() => _device.Subfunctions[0].Active);
        Assert.False(waiting.IsCompleted);
        attach.Set();
        Until(() => _device.Subfunctions[0].Attached);
        Assert.False(waiting.IsCompleted);
        netdev.Set();
        Assert.Equal("sf0n7", (await waiting).NetdevName);
    }

    [Fact]
    public void A_driver_without_notifications_is_detected_by_its_netdev()
    {
        _device.Activation = port =>
        {
            port.Attach(notify: false);
            port.AddNetdev();
        };
        Assert.Equal("sf0n7", Activate(Create(7)).NetdevName);
    }

    [Fact]
    public async Task The_wait_is_driven_by_notifications_without_polling()
    {
        using var go = new ManualResetEventSlim();
        _device.Activation = port =>
        {
            go.Wait();
            port.Attach();
            port.AddNetdev();
        };
        var port = Create(7);
        var waiting = Start(() => Activate(port));
        Until(() => _host.Requests.Count(r => r.Name == "port get") == 2);
        var before = _host.Requests.Count;
        // Events of other ports wake it, but trigger no request.
        for (var i = 0; i < 10; i++)
        {
            _device.Add(DevlinkPortFlavour.PciSf, (uint)(100 + i));
        }

        Assert.Equal(before, _host.Requests.Count);
        go.Set();
        _ = await waiting;
        Assert.True(_host.Requests.Count(r => r.Name == "port get") <= 6, string.Join('\n', _host.Requests));
    }

    [Fact]
    public void Lost_notifications_trigger_a_new_check()
    {
        _device.Activation = port =>
        {
            port.Attach();
            port.AddNetdev();
            _host.LoseNotifications();
        };
        Assert.Equal("sf0n7", Activate(Create(7)).NetdevName);
    }

    [Fact]
    public void Without_a_driver_the_wait_times_out()
    {
        _device.Activation = static _ => { };
        var error = Assert.Throws<NetlinkException>(
            () => _devlink.ActivateSubfunction(_device.Handle, Create(7).Index, TimeSpan.FromMilliseconds(50)));
        Assert.Equal(Errno.ETIMEDOUT, error.Errno);
        Assert.Contains("no driver attached", error.Message, StringComparison.Ordinal);
        // The caller has to delete what is left.
        Assert.True(_devlink.DeletePort(_device.Handle, _device.Subfunctions[0].Index));
        Assert.Empty(_device.Subfunctions);
    }

    [Fact]
    public void Without_a_netdev_the_wait_times_out()
    {
        _device.Activation = static port => port.Attach();
        var error = Assert.Throws<NetlinkException>(
            () => _devlink.ActivateSubfunction(_device.Handle, Create(7).Index, TimeSpan.FromMilliseconds(50)));
        Assert.Equal(Errno.ETIMEDOUT, error.Errno);
        Assert.Contains("netdev did not appear", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_is_checked_once_more_on_timeout()
    {
        // There is no notification about this netdev.
        using var there = new ManualResetEventSlim();
        _device.Activation = port =>
        {
            port.Attach(notify: false);
            SysfsSilently(port);
            there.Set();
        };
        var port = Create(7);
        var made = _devlink.ActivateSubfunction(_device.Handle, port.Index, TimeSpan.FromSeconds(2));
        Assert.True(there.IsSet);
        Assert.Equal("enp1s0", made.NetdevName);
    }

    [Fact]
    public void A_function_that_disappears_is_an_error_at_once()
    {
        _device.Activation = static port => port.Vanish();
        var error = Assert.Throws<NetlinkException>(() => Activate(Create(7)));
        Assert.Equal(Errno.ENODEV, error.Errno);
        Assert.Contains("disappeared", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_disappears_is_an_error_at_once()
    {
        _device.Activation = port => _host.RemoveDevlink(port.Device);
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => Activate(Create(7))).Errno);
    }

    [Fact]
    public void A_function_that_is_deactivated_is_an_error_at_once()
    {
        _device.Activation = static port => port.Deactivate();
        Assert.Equal(Errno.ECANCELED, Assert.Throws<NetlinkException>(() => Activate(Create(7))).Errno);
    }

    [Fact]
    public void A_refusal_has_the_kernels_message()
    {
        _host.Refuse = request => request.Name == "function set" ? new FakeError(Errno.EBUSY, "the firmware is busy") : null;
        var error = Assert.Throws<NetlinkException>(() => Activate(Create(7)));
        Assert.Equal((Errno.EBUSY, "the firmware is busy"), (error.Errno, error.KernelMessage));
    }

    [Fact]
    public async Task The_wait_can_be_canceled()
    {
        _device.Activation = static _ => { };
        var port = Create(7);
        using var cancellation = new CancellationTokenSource();
        var waiting = Start(() => _devlink.ActivateSubfunction(_device.Handle, port.Index, Long, cancellation.Token));
        Until(() => _device.Subfunctions[0].Active);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public void A_port_without_a_subfunction_of_this_host_is_rejected()
    {
        Assert.Equal(Errno.EOPNOTSUPP, Assert.Throws<NetlinkException>(() => _devlink.ActivateSubfunction(_device.Handle, 0, Long)).Errno);
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => _devlink.ActivateSubfunction(_device.Handle, 99, Long)).Errno);
        var external = _devlink.CreateSubfunction(
            new SubfunctionSpec { Device = _device.Handle, PfNumber = 0, SfNumber = 9, Controller = 1 });
        Assert.True(external.External);
        Assert.Equal(Errno.EOPNOTSUPP,
            Assert.Throws<NetlinkException>(() => _devlink.ActivateSubfunction(_device.Handle, external.Index, Long)).Errno);
        Assert.DoesNotContain(_host.Requests, r => r.Name == "function set");
    }

    [Fact]
    public void A_netdev_that_sysfs_does_not_show_is_found_by_its_parent()
    {
        // Sysfs shows the netdevs of the namespace it was mounted in.
        _device.Activation = port =>
        {
            port.Attach();
            var auxiliary = _host.Pci.AuxiliaryDevices(port.Device.Handle).Single().Name;
            _host.Links.Add("elsewhere", l => (l.ParentBus, l.ParentDevice) = ("pci", auxiliary));
            _host.Links.Add("here", l => (l.ParentBus, l.ParentDevice) = ("auxiliary", auxiliary));
        };
        Assert.Equal("here", Activate(Create(7)).NetdevName);
        Assert.Empty(_host.Pci.AuxiliaryNetdevs(_device.Handle, 7));
    }

    [Fact]
    public void A_netdev_of_an_earlier_subfunction_with_that_number_is_ignored()
    {
        var first = Create(7);
        var earlier = Activate(first);
        // The first subfunction's driver detaches only when the second subfunction exists.
        var old = Directory.CreateDirectory(Path.Join(_host.Sysfs, "bus/pci/devices/0000:01:00.0/old.sf.1"));
        File.WriteAllText(Path.Join(old.FullName, "sfnum"), "7");
        old.CreateSubdirectory("net/going");
        Directory.CreateSymbolicLink(Path.Join(_host.Sysfs, "bus/auxiliary/devices/old.sf.1"), old.FullName);
        var going = _host.Links.Add("going");
        Assert.True(_devlink.DeletePort(_device.Handle, first.Index));
        using var attach = new ManualResetEventSlim();
        _device.Activation = port =>
        {
            _host.Links.Describe(going.Index, static _ => { });
            File.Delete(Path.Join(_host.Sysfs, "bus/auxiliary/devices/old.sf.1"));
            old.Delete(recursive: true);
            port.Attach();
            port.AddNetdev("fresh");
        };
        var made = Activate(Create(7));
        Assert.Equal("fresh", made.NetdevName);
        Assert.NotEqual(earlier.NetdevIndex, made.NetdevIndex);
    }

    [Fact]
    public void The_maximum_number_of_subfunctions_of_a_node()
    {
        for (uint i = 1; i <= 254; i++)
        {
            Assert.Equal($"sf0n{i}", Activate(Create(i)).NetdevName);
        }

        Assert.Equal(254, _devlink.GetPorts(_device.Handle).Count(p => p.FunctionAttached == true));
        var all = _host.Pci.AuxiliaryDevices(_device.Handle);
        Assert.Equal(Enumerable.Range(1, 254).Select(i => (uint)i), all.Select(a => a.SfNumber).Order());
        Assert.All(all, a => Assert.Equal($"sf0n{a.SfNumber}", Assert.Single(a.Netdevs)));
    }

    [Fact]
    public async Task Many_at_once()
    {
        var ports = Enumerable.Range(1, 16).Select(i => Create((uint)i)).ToArray();
        var all = ports.Select(p => Start(() => Activate(p))).ToArray();
        for (var i = 0; i < all.Length; i++)
        {
            Assert.Equal($"sf0n{i + 1}", (await all[i]).NetdevName);
        }
    }

    private static Task<T> Start<T>(Func<T> code) =>
        Task.Factory.StartNew(code, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)));

    // Lists another link in the function's sysfs directory, as if a netdev appeared without a notification.
    private void SysfsSilently(FakePort port)
    {
        var place = Path.Join(_host.Sysfs, "bus/auxiliary/devices", _host.Pci.AuxiliaryDevices(port.Device.Handle).Single().Name);
        Directory.CreateDirectory(Path.Join(place, "net", "enp1s0"));
    }

    private DevlinkPort Create(uint number) =>
        _devlink.CreateSubfunction(new SubfunctionSpec { Device = _device.Handle, PfNumber = 0, SfNumber = number });

    private Subfunction Activate(DevlinkPort port) => _devlink.ActivateSubfunction(port.Device, port.Index, Long);
}
