using ACCOffload.FakeKernel;
using ACCOffload.NativeInterop.Pci;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Tests.Devices;

public sealed class PciBusTests : IDisposable
{
    private readonly FakeHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Functions_are_found_by_vendor_and_device()
    {
        _host.AddPci("0000:01:00.0", 0x8086, 0x1452, "idpf", netdev: "enp1s0");
        _host.AddPci("0000:01:00.1", 0x8086, 0x1453, "vfio-pci");
        _host.AddPci("0000:00:02.0", 0x1af4, 0x1041, null);
        Assert.Equal(["0000:00:02.0", "0000:01:00.0", "0000:01:00.1"], _host.Pci.All().Select(d => d.Address));
        var found = Assert.Single(_host.Pci.Find(0x8086, 0x1452));
        Assert.Equivalent(new PciDevice
        {
            Address = "0000:01:00.0",
            Vendor = 0x8086,
            Device = 0x1452,
            Class = 0x020000,
            Driver = "idpf",
            Netdevs = ["enp1s0"],
            NumaNode = -1,
        }, found, strict: true);
        Assert.Null(_host.Pci.Get("0000:00:02.0")!.Driver);
        Assert.Null(_host.Pci.Get("0000:07:00.0"));
        Assert.Null(_host.Pci.Sriov("0000:01:00.0"));
        Assert.Empty(_host.Pci.VirtualFunctions("0000:01:00.0"));
    }

    [Theory]
    [InlineData("0000:01:00.0", true)]
    [InlineData("10000:e1:1f.7", true)]
    [InlineData("0000:01:00.8", false)]
    [InlineData("0000:01:00", false)]
    [InlineData("01:00.0", false)]
    [InlineData("0000:01:0g.0", false)]
    [InlineData("0000:01:00.0/..", false)]
    [InlineData("../../../etc/x.0", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Addresses_are_validated_before_they_become_paths(string? text, bool good)
    {
        Assert.Equal(good, PciBus.IsAddress(text));
        Assert.Null(_host.Pci.Get(text!));
    }

    [Fact]
    public void Virtual_functions_are_created_changed_and_removed()
    {
        var pf = _host.AddPci("0000:01:00.0", totalVfs: 8, netdev: "enp1s0");
        Assert.Equal(new SriovTotals(8, 0), _host.Pci.Sriov(pf.Address));
        _host.Pci.SetVfCount(pf.Address, 3);
        Assert.Equal(new SriovTotals(8, 3), _host.Pci.Sriov(pf.Address));
        Assert.Equal(
            [new VirtualFunction(0, "0000:01:10.0", "enp1s0v0"), new VirtualFunction(1, "0000:01:10.1", "enp1s0v1"),
                new VirtualFunction(2, "0000:01:10.2", "enp1s0v2")],
            _host.Pci.VirtualFunctions(pf.Address));
        Assert.Equal(pf.Address, _host.Pci.Get("0000:01:10.2")!.PhysicalFunction);
        // The kernel refuses a change from 3 to 8, except by way of 0. An unchanged number is not written.
        _host.Pci.SetVfCount(pf.Address, 8);
        _host.Pci.SetVfCount(pf.Address, 8);
        Assert.Equal([3, 8, 0, 8], pf.Writes);
        Assert.Equal(8, _host.Pci.VirtualFunctions(pf.Address).Count);
        _host.Pci.SetVfCount(pf.Address, 0);
        Assert.Empty(_host.Pci.VirtualFunctions(pf.Address));
        Assert.Equal(["enp1s0"], _host.Links.All.Select(l => l.Name));
    }

    [Fact]
    public void An_invalid_number_of_virtual_functions_is_a_clear_error()
    {
        var pf = _host.AddPci("0000:01:00.0", totalVfs: 8, netdev: "enp1s0");
        _host.AddPci("0000:02:00.0");
        Expect(Errno.ERANGE, "the limit is 8", () => _host.Pci.SetVfCount(pf.Address, 9));
        Expect(Errno.EOPNOTSUPP, "does not support SR-IOV", () => _host.Pci.SetVfCount("0000:02:00.0", 1));
        Expect(Errno.ENODEV, "no such PCI function", () => _host.Pci.SetVfCount("0000:07:00.0", 1));
        pf.MaxCreatedVfs = 5;
        Expect(Errno.ENOSPC, "created 5", () => _host.Pci.SetVfCount(pf.Address, 6));
        pf.VfError = Errno.ENOMEM;
        Expect(Errno.ENOMEM, "0000:01:00.0 to 7", () => _host.Pci.SetVfCount(pf.Address, 7));
        pf.VfError = Errno.EBUSY;
        Expect(Errno.EBUSY, "0000:01:00.0 to 7", () => _host.Pci.SetVfCount(pf.Address, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => _host.Pci.SetVfCount(pf.Address, -1));

        static void Expect(Errno errno, string text, Action action)
        {
            var error = Assert.Throws<LinuxException>(action);
            Assert.Equal(errno, error.Errno);
            Assert.Contains(text, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_netdev_of_a_virtual_function_is_waited_for()
    {
        var pf = _host.AddPci("0000:01:00.0", totalVfs: 8, netdev: "enp1s0");
        var made = new List<FakePciFunction>();
        pf.OnVfCreated = made.Add;
        _host.Pci.SetVfCount(pf.Address, 2);
        using var links = _host.OpenLinks();
        var waiting = Task.Factory.StartNew(() => _host.Pci.WaitForNetdev(made[1].Address, TimeSpan.FromSeconds(60), links),
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        made[0].AddNetdev("other");
        made[1].AddNetdev("late");
        Assert.Equal("late", await waiting);
        Assert.Equal("other", _host.Pci.WaitForNetdev(made[0].Address, TimeSpan.FromSeconds(60), links));
    }

    [Fact]
    public void A_netdev_that_does_not_appear_is_an_error()
    {
        var pf = _host.AddPci("0000:01:00.0", totalVfs: 8);
        pf.OnVfCreated = static _ => { };
        _host.Pci.SetVfCount(pf.Address, 1);
        using var links = _host.OpenLinks();
        var error = Assert.Throws<LinuxException>(() => _host.Pci.WaitForNetdev("0000:01:10.0", TimeSpan.FromMilliseconds(20), links));
        Assert.Equal(Errno.ETIMEDOUT, error.Errno);
        Assert.Contains("driver idpf", error.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.ENODEV,
            Assert.Throws<LinuxException>(() => _host.Pci.WaitForNetdev("0000:07:00.0", TimeSpan.FromSeconds(60), links)).Errno);
        Assert.ThrowsAny<OperationCanceledException>(
            () => _host.Pci.WaitForNetdev("0000:01:10.0", TimeSpan.FromSeconds(60), links, new CancellationToken(true)));
    }

    [Fact]
    public void Invalid_sysfs_entries_are_ignored()
    {
        var place = Path.Join(_host.Sysfs, "bus/pci/devices/0000:01:00.0");
        Directory.CreateDirectory(place);
        Assert.Null(_host.Pci.Get("0000:01:00.0"));
        File.WriteAllText(Path.Join(place, "vendor"), new string('x', 100_000));
        File.WriteAllText(Path.Join(place, "device"), "0x1452\n");
        Assert.Empty(_host.Pci.All());
        File.WriteAllText(Path.Join(place, "vendor"), "0x18086");
        Assert.Empty(_host.Pci.All());
        File.WriteAllText(Path.Join(place, "vendor"), "0x8086");
        File.WriteAllBytes(Path.Join(place, "numa_node"), [0xFF, 0xFE]);
        File.WriteAllText(Path.Join(place, "sriov_totalvfs"), "many");
        Directory.CreateDirectory(Path.Join(place, "virtfn0"));
        File.CreateSymbolicLink(Path.Join(place, "virtfn1"), "nowhere");
        File.CreateSymbolicLink(Path.Join(place, "virtfnx"), "../0000:01:10.0");
        Assert.Equal(-1, Assert.Single(_host.Pci.All()).NumaNode);
        Assert.Null(_host.Pci.Sriov("0000:01:00.0"));
        Assert.Empty(_host.Pci.VirtualFunctions("0000:01:00.0"));
        Assert.Empty(new PciBus("/nonexistent").All());
    }

    [Fact]
    public void The_real_sysfs_is_read()
    {
        var bus = new PciBus();
        Assert.All(bus.All(), d =>
        {
            Assert.NotEqual(0, d.Vendor);
            Assert.Equivalent(d, bus.Get(d.Address), strict: true);
        });
    }
}
