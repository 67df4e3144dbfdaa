using System.Globalization;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.FakeKernel;

/// <summary>A physical or virtual PCI function.</summary>
public sealed class FakePciFunction
{
    private readonly FakeHost _host;
    private readonly ushort _vendor;
    private readonly ushort _device;
    private readonly List<FakePciFunction> _functions = [];
    private string? _netdev;

    internal FakePciFunction(FakeHost host, string address, ushort vendor, ushort device, string? driver, FakePciFunction? physical)
    {
        (_host, Address, _vendor, _device, Driver, Physical) = (host, address, vendor, device, driver, physical);
        Mac = MacAddress.Random();
    }

    /// <summary>Its address.</summary>
    public string Address { get; }

    /// <summary>Its driver; null for none.</summary>
    public string? Driver { get; }

    /// <summary>The physical function of a virtual one.</summary>
    public FakePciFunction? Physical { get; }

    /// <summary>The address of its netdev.</summary>
    public MacAddress Mac { get; set; }

    /// <summary>Maximum number of virtual functions.</summary>
    public int TotalVfs { get; init; }

    /// <summary>Maximum number of virtual functions that the driver creates; it silently ignores the rest of a larger request.</summary>
    public int MaxCreatedVfs { get; set; } = int.MaxValue;

    /// <summary>The driver's error for a number of functions; null to create them.</summary>
    public Errno? VfError { get; set; }

    /// <summary>
    /// Whether the driver allows a virtual function (first argument) to change its netdev's address to the third argument if the physical
    /// function assigned the second.
    /// </summary>
    public Func<FakePciFunction, MacAddress, MacAddress, bool> AllowsVfMacChange { get; set; } = static (_, _, _) => true;

    /// <summary>The driver's error for the address of a virtual function; null to accept it.</summary>
    public FakeError? RefuseVfMac { get; set; }

    /// <summary>Called for each new virtual function when its driver is bound; adds a netdev by default.</summary>
    public Action<FakePciFunction> OnVfCreated { get; set; } = static vf => vf.AddNetdev($"{vf.Physical!._netdev ?? "fake"}v{vf.Number}");

    /// <summary>Values written to sriov_numvfs.</summary>
    public List<int> Writes { get; } = [];

    /// <summary>The number of a virtual function.</summary>
    public int Number { get; private init; }

    /// <summary>Its virtual functions.</summary>
    public IReadOnlyList<FakePciFunction> Functions => _functions;

    internal List<VfInfo> VfConfiguration { get; } = [];

    internal string SysfsPath => _host.Tree.PciPath(Address);

    /// <summary>The original name of the netdev; null for none.</summary>
    public string? Netdev => _netdev;

    /// <summary>Adds a netdev and sends a notification.</summary>
    /// <returns>The netdev's index.</returns>
    public int AddNetdev(string name)
    {
        lock (_host.Gate)
        {
            var index = _host.Netdevs.Create(name, Mac, SysfsPath);
            _netdev = name;
            _host.Links.Describe(index, l => (l.ParentBus, l.ParentDevice, l.PermanentMac) = ("pci", Address, Mac));
            return index;
        }
    }

    internal void AddToSysfs()
    {
        _host.Tree.AddPci(Address, _vendor, _device, Driver);
        if (Physical is { } physical)
        {
            Directory.CreateSymbolicLink(Path.Join(SysfsPath, "physfn"), $"../{physical.Address}");
            Directory.CreateSymbolicLink(Path.Join(physical.SysfsPath, $"virtfn{Number}"), $"../{Address}");
        }
        else if (TotalVfs > 0)
        {
            SysfsTree.Write(SysfsPath, "sriov_totalvfs", TotalVfs.ToString(CultureInfo.InvariantCulture));
            SysfsTree.Write(SysfsPath, "sriov_numvfs", "0");
        }
    }

    internal Errno SetVfs(string value)
    {
        if (!int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
        {
            return Errno.EINVAL;
        }

        Writes.Add(count);
        if (count == _functions.Count)
        {
            return Errno.None;
        }

        if (VfError is { } error)
        {
            return error;
        }

        if (count > TotalVfs)
        {
            return Errno.ERANGE;
        }

        if (count != 0 && _functions.Count != 0)
        {
            return Errno.EBUSY;
        }

        foreach (var function in _functions.ToArray())
        {
            function.Remove();
        }

        for (var i = 0; i < Math.Min(count, MaxCreatedVfs); i++)
        {
            var function = new FakePciFunction(_host, VfAddress(i), _vendor, (ushort)(_device + 1), Driver, this) { Number = i };
            function.AddToSysfs();
            _functions.Add(function);
            VfConfiguration.Add(new VfInfo { Number = i, SpoofCheck = true, Trust = false, LinkState = VfLinkState.Auto });
            _host.Add(function);
            OnVfCreated(function);
        }
        SysfsTree.Write(SysfsPath, "sriov_numvfs", _functions.Count.ToString(CultureInfo.InvariantCulture));
        return Errno.None;
    }

    /// <summary>Removes it from the bus with its netdev, in any namespace.</summary>
    public void Remove()
    {
        lock (_host.Gate)
        {
            // Removing the physical function already removed the virtual one.
            if (!_host.Functions.Contains(this))
            {
                return;
            }

            foreach (var function in _functions.ToArray())
            {
                function.Remove();
            }

            if (_netdev is not null)
            {
                _host.Netdevs.Delete(SysfsPath);
            }

            _netdev = null;
            if (Physical is { } physical)
            {
                physical._functions.Remove(this);
                physical.VfConfiguration.RemoveAll(v => v.Number == Number);
                File.Delete(Path.Join(physical.SysfsPath, $"virtfn{Number}"));
                SysfsTree.Write(physical.SysfsPath, "sriov_numvfs", physical._functions.Count.ToString(CultureInfo.InvariantCulture));
            }
            _host.Tree.RemovePci(Address);
            _host.Remove(this);
        }
    }

    // The addresses of virtual functions start 128 after the beginning of the physical function's bus.
    private string VfAddress(int number)
    {
        var bus = int.Parse(Address.AsSpan(Address.Length - 7, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        var routing = (bus << 8) + 0x80 + number;
        return $"{Address[..^8]}:{routing >> 8:x2}:{(routing >> 3) & 0x1F:x2}.{routing & 7}";
    }
}
