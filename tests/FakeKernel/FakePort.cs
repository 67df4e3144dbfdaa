using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.Fakes;

/// <summary>A port of a fake switch and the function behind it.</summary>
public sealed class FakePort
{
    private string? _place;
    private int _representor;

    internal FakePort(FakeDevlinkDevice device) => Device = device;

    /// <summary>The switch.</summary>
    public FakeDevlinkDevice Device { get; }

    /// <summary>Its number.</summary>
    public required uint Index { get; init; }

    /// <summary>What it faces.</summary>
    public required DevlinkPortFlavour Flavour { get; init; }

    /// <summary>The physical function.</summary>
    public ushort? PfNumber { get; init; }

    /// <summary>The virtual function.</summary>
    public ushort? VfNumber { get; init; }

    /// <summary>The subfunction.</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The host.</summary>
    public uint Controller { get; init; }

    /// <summary>Another host's.</summary>
    public bool External { get; init; }

    /// <summary>The port's netdev.</summary>
    public string? NetdevName { get; internal set; }

    /// <summary>The function's address.</summary>
    public MacAddress FunctionMac { get; internal set; }

    /// <summary>Whether it was switched on.</summary>
    public bool Active { get; internal set; }

    /// <summary>Whether its driver works with it.</summary>
    public bool Attached { get; private set; }

    /// <summary>What it may send.</summary>
    public DevlinkRate Rate { get; internal set; } = new(0, 0);

    /// <summary>The function's netdev's name when it was made; null for none.</summary>
    public string? FunctionNetdev { get; private set; }

    internal int NetdevIndex => _representor;

    private FakeHost Host => Device.Host;

    /// <summary>The function's driver attaches: its auxiliary device appears.</summary>
    /// <param name="tell">Whether the switch's driver tells of it; not every one does.</param>
    public void Attach(bool tell = true)
    {
        lock (Host.Gate)
        {
            if (!Device.Ports.Contains(this))
            {
                return;
            }

            _place ??= Host.Tree.AddAuxiliary(Device.Function.Address, Device.NextAuxiliary(), SfNumber ?? 0);
            Attached = true;
            if (tell)
            {
                Tell();
            }
        }
    }

    /// <summary>The function's netdev appears.</summary>
    public void AddNetdev(string? name = null)
    {
        lock (Host.Gate)
        {
            if (_place is null || FunctionNetdev is not null)
            {
                return;
            }

            FunctionNetdev = name ?? $"sf{PfNumber}n{SfNumber}";
            var mac = FunctionMac.IsZero ? MacAddress.Random() : FunctionMac;
            var index = Host.Netdevs.Create(FunctionNetdev, mac, _place);
            Host.Links.Describe(index, l => (l.ParentBus, l.ParentDevice, l.PermanentMac) = ("auxiliary", Path.GetFileName(_place), mac));
        }
    }

    /// <summary>The function goes down with its netdev; the port stays.</summary>
    /// <param name="tell">Whether the switch's driver tells of it.</param>
    public void SwitchOff(bool tell = true)
    {
        lock (Host.Gate)
        {
            Active = false;
            RemoveFunction();
            if (tell)
            {
                Tell();
            }
        }
    }

    /// <summary>The port goes, as when the driver gives it up.</summary>
    public void Vanish() => Device.Remove(this);

    internal void Tell() => Host.Notify(DevlinkMessages.Port(this, DevlinkMessages.PortNew));

    internal void AddRepresentor()
    {
        if (Host.HasRealNetdevs || Flavour is not (DevlinkPortFlavour.PciSf or DevlinkPortFlavour.PciVf))
        {
            return;
        }

        var name = SfNumber is { } sf ? Representor.Subfunction(PfNumber ?? 0, sf, Controller) : Representor.VirtualFunction(PfNumber ?? 0, VfNumber ?? 0, Controller);
        NetdevName = $"r{Host.Devices.ToList().IndexOf(Device)}{name}";
        _representor = Host.Links.Add(NetdevName, l => (l.PhysPortName, l.PhysSwitchId) = (name, [0xAC, (byte)Host.Devices.ToList().IndexOf(Device)])).Index;
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
        if (_place is null)
        {
            return;
        }

        if (FunctionNetdev is not null)
        {
            Host.Netdevs.Delete(_place);
        }

        FunctionNetdev = null;
        Host.Tree.RemoveAuxiliary(_place);
        _place = null;
    }
}
