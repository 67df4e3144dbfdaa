using ACCOffload.FakeKernel;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

/// <summary>Devlink against a stateful fake kernel.</summary>
public sealed class DevlinkTests : IDisposable
{
    private readonly FakeHost _host = new();
    private readonly FakeDevlinkDevice _device;
    private readonly DevlinkClient _devlink;

    public DevlinkTests()
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
    public void A_kernel_without_devlink_is_a_clear_error()
    {
        using var host = new FakeHost { HasDevlink = false };
        var error = Assert.Throws<NetlinkException>(() => host.OpenDevlink());
        Assert.Equal(Errno.ENOENT, error.Errno);
        Assert.Contains("this kernel has no devlink", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_real_kernel_supports_devlink_or_reports_that_it_does_not()
    {
        try
        {
            using var devlink = DevlinkClient.Open();
            Assert.All(devlink.GetPorts(), p => Assert.Contains(p.Device, devlink.GetDevices()));
        }
        catch (NetlinkException e) when (e.Errno == Errno.ENOENT)
        {
            Assert.Contains("no devlink", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Devices_and_ports_are_listed()
    {
        var other = _host.AddDevlink(_host.AddPci("0000:02:00.0"));
        _device.Add(DevlinkPortFlavour.PciPf);
        _device.Add(DevlinkPortFlavour.PciVf, vfNumber: 3);
        other.Add(DevlinkPortFlavour.Cpu);
        Assert.Equal(["pci/0000:01:00.0", "pci/0000:02:00.0"], _devlink.GetDevices().Select(d => d.ToString()));
        Assert.Equal(
            [DevlinkPortFlavour.Physical, DevlinkPortFlavour.PciPf, DevlinkPortFlavour.PciVf, DevlinkPortFlavour.Physical,
                DevlinkPortFlavour.Cpu],
            _devlink.GetPorts().Select(p => p.Flavour!.Value));
        var vf = Assert.Single(_devlink.GetPorts(_device.Handle), p => p.VfNumber == 3);
        Assert.Equal("r0pf0vf3", vf.NetdevName);
        Assert.Equal(vf, _devlink.GetPort(_device.Handle, vf.Index));
        Assert.Null(_devlink.GetPort(_device.Handle, 999));
        Assert.Null(_devlink.GetPort(DevlinkHandle.Pci("0000:09:00.0"), 1));
        Assert.Equal(Errno.ENODEV, Assert.Throws<NetlinkException>(() => _devlink.GetEswitch(DevlinkHandle.Pci("0000:09:00.0"))).Errno);
    }

    [Fact]
    public void A_subfunction_is_created_configured_and_deleted()
    {
        var made = _devlink.CreateSubfunction(new SubfunctionSpec { Device = _device.Handle, PfNumber = 0, SfNumber = 7 });
        Assert.Equal((7u, false, false), (made.SfNumber!.Value, made.FunctionActive!.Value, made.FunctionAttached!.Value));
        var mac = MacAddress.Parse("02:00:00:00:00:07");
        _devlink.SetFunction(_device.Handle, made.Index, new FunctionChange { Mac = mac });
        Assert.Equal(mac, _devlink.GetPort(_device.Handle, made.Index)!.FunctionMac);
        Assert.True(_devlink.DeletePort(_device.Handle, made.Index));
        Assert.False(_devlink.DeletePort(_device.Handle, made.Index));
        Assert.Null(_devlink.GetPort(_device.Handle, made.Index));
    }

    [Fact]
    public void The_kernels_messages_reach_the_caller()
    {
        var spec = new SubfunctionSpec { Device = _device.Handle, PfNumber = 0, SfNumber = 7 };
        _device.Mode = DevlinkEswitchMode.Legacy;
        var error = Assert.Throws<NetlinkException>(() => _devlink.CreateSubfunction(spec));
        Assert.Equal((Errno.EOPNOTSUPP, "ports are added in switchdev mode only"), (error.Errno, error.KernelMessage));
        Assert.Contains("create subfunction 7 of PF 0 on devlink device pci/0000:01:00.0", error.Message, StringComparison.Ordinal);
        Assert.Contains(error.KernelMessage!, error.Message, StringComparison.Ordinal);
        _devlink.SetEswitchMode(_device.Handle, DevlinkEswitchMode.Switchdev);
        Assert.Equal(DevlinkEswitchMode.Switchdev, _devlink.GetEswitch(_device.Handle).Mode);
        _device.MaxSubfunctions = 1;
        _devlink.CreateSubfunction(spec);
        Assert.Equal(Errno.EEXIST, Assert.Throws<NetlinkException>(() => _devlink.CreateSubfunction(spec)).Errno);
        Assert.Equal(Errno.ENOSPC, Assert.Throws<NetlinkException>(() => _devlink.CreateSubfunction(spec with { SfNumber = null })).Errno);
        Assert.Equal("subfunctions exist",
            Assert.Throws<NetlinkException>(() => _devlink.SetEswitchMode(_device.Handle, DevlinkEswitchMode.Legacy)).KernelMessage);
        Assert.Equal(Errno.EOPNOTSUPP, Assert.Throws<NetlinkException>(() => _devlink.DeletePort(_device.Handle, 0)).Errno);
    }

    [Fact]
    public void Events_are_reported()
    {
        using var monitor = _devlink.OpenMonitor();
        Assert.False(monitor.TryRead(out _));
        var index = _devlink.CreateSubfunction(new SubfunctionSpec { Device = _device.Handle, PfNumber = 0, SfNumber = 7 }).Index;
        Assert.True(monitor.TryRead(out var change));
        Assert.Equal((DevlinkEventKind.PortChanged, index), (change.Kind, change.Port!.Index));
        _devlink.DeletePort(_device.Handle, index);
        Assert.True(monitor.TryRead(out change));
        Assert.Equal((DevlinkEventKind.PortRemoved, index), (change.Kind, change.Port!.Index));
        var other = _host.AddDevlink(_host.AddPci("0000:02:00.0"));
        Assert.True(monitor.TryRead(out change));
        Assert.Equal(new DevlinkEvent(DevlinkEventKind.DeviceChanged, other.Handle, null), change);
        _host.LoseNotifications();
        Assert.True(monitor.TryRead(out change));
        Assert.Equal(DevlinkEventKind.Lost, change.Kind);
        Assert.False(monitor.TryRead(out _));
    }

    [Theory]
    [InlineData("pci/0000:01:00.0", true)]
    [InlineData("netdevsim/netdevsim1", true)]
    [InlineData("auxiliary/mlx5_core.sf.4", true)]
    [InlineData("pci", false)]
    [InlineData("pci/", false)]
    [InlineData("/0000:01:00.0", false)]
    [InlineData("pci/0000:01:00.0/1", false)]
    [InlineData("pci/a b", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Device_handles_are_parsed(string? text, bool good)
    {
        Assert.Equal(good, DevlinkHandle.TryParse(text, out var handle));
        if (good)
        {
            Assert.Equal(text, handle!.ToString());
        }
    }
}
