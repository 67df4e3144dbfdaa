using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;

namespace ACCOffload.FakeKernel;

/// <summary>A port of a fake switch and the function behind it.</summary>
public sealed class FakePort
{
    private string? _sysfsPath;
    private int _representor;

    internal FakePort(FakeDevlinkDevice device) => Device = device;

    /// <summary>The switch.</summary>
    public FakeDevlinkDevice Device { get; }

    /// <summary>Its number.</summary>
    public required uint Index { get; init; }

    /// <summary>Its flavour.</summary>
    public required DevlinkPortFlavour Flavour { get; init; }

    /// <summary>The physical function.</summary>
    public ushort? PfNumber { get; init; }

    /// <summary>The virtual function.</summary>
    public ushort? VfNumber { get; init; }

    /// <summary>The subfunction.</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The number of the function's controller; 0 for the local host.</summary>
    public uint Controller { get; init; }

    /// <summary>Whether the function belongs to another host.</summary>
    public bool External { get; init; }

    /// <summary>The port's netdev.</summary>
    public string? NetdevName { get; internal set; }

    /// <summary>The function's address.</summary>
    public MacAddress FunctionMac { get; internal set; }

    /// <summary>Whether it is active.</summary>
    public bool Active { get; internal set; }

    /// <summary>Whether its driver is attached.</summary>
    public bool Attached { get; private set; }

    /// <summary>The original name of the function's netdev; null for none.</summary>
    public string? FunctionNetdev { get; private set; }

    internal int NetdevIndex => _representor;

    private FakeHost Host => Device.Host;

    /// <summary>The function's driver attaches: its auxiliary device appears.</summary>
    /// <param name="notify">Whether the switch's driver sends a notification; not every driver does.</param>
    public void Attach(bool notify = true)
    {
        lock (Host.Gate)
        {
            if (!Device.Ports.Contains(this))
            {
                return;
            }

            _sysfsPath ??= Host.Tree.AddAuxiliary(Device.Function.Address, Device.NextAuxiliary(), SfNumber ?? 0);
            Attached = true;
            if (notify)
            {
                Notify();
            }
        }
    }

    /// <summary>The function's netdev appears.</summary>
    public void AddNetdev(string? name = null)
    {
        lock (Host.Gate)
        {
            if (_sysfsPath is null || FunctionNetdev is not null)
            {
                return;
            }

            FunctionNetdev = name ?? $"sf{PfNumber}n{SfNumber}";
            var mac = FunctionMac.IsZero ? MacAddress.Random() : FunctionMac;
            var index = Host.Netdevs.Create(FunctionNetdev, mac, _sysfsPath);
            Host.Links.Describe(
                index, l => (l.ParentBus, l.ParentDevice, l.PermanentMac) = ("auxiliary", Path.GetFileName(_sysfsPath), mac));
        }
    }

    /// <summary>Deactivates the function and removes its netdev; the port stays.</summary>
    /// <param name="notify">Whether the switch's driver sends a notification.</param>
    public void Deactivate(bool notify = true)
    {
        lock (Host.Gate)
        {
            Active = false;
            RemoveFunction();
            if (notify)
            {
                Notify();
            }
        }
    }

    /// <summary>Removes the port, as when the driver drops it.</summary>
    public void Vanish() => Device.Remove(this);

    internal void Notify() => Host.Notify(DevlinkMessages.Port(this, DevlinkMessages.PortNew));

    internal void AddRepresentor()
    {
        if (Host.HasRealNetdevs || Flavour is not (DevlinkPortFlavour.PciSf or DevlinkPortFlavour.PciVf))
        {
            return;
        }

        // Drivers prefix the port of a function on another host with that host's controller number.
        var name = $"{(Controller > 0 ? $"c{Controller}" : "")}pf{PfNumber ?? 0}{(SfNumber is { } sf ? $"sf{sf}" : $"vf{VfNumber ?? 0}")}";
        NetdevName = $"r{Host.Devices.ToList().IndexOf(Device)}{name}";
        _representor = Host.Links.Add(
            NetdevName, l => (l.PhysPortName, l.PhysSwitchId) = (name, [0xAC, (byte)Host.Devices.ToList().IndexOf(Device)])).Index;
    }

    internal void Clear()
    {
        Active = false;
        RemoveFunction();
        if (_representor != 0)
        {
            Host.Links.Remove(_representor);
        }
    }

    private void RemoveFunction()
    {
        Attached = false;
        if (_sysfsPath is null)
        {
            return;
        }

        if (FunctionNetdev is not null)
        {
            Host.Netdevs.Delete(_sysfsPath);
        }

        FunctionNetdev = null;
        Host.Tree.RemoveAuxiliary(_sysfsPath);
        _sysfsPath = null;
    }
}
