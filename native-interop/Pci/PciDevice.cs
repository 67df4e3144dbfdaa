namespace ACCOffload.NativeInterop.Pci;

/// <summary>A PCI function, as shown by sysfs.</summary>
public sealed record PciDevice
{
    /// <summary>Domain, bus, device and function: "0000:01:00.0".</summary>
    public required string Address { get; init; }

    /// <summary>Vendor id, 0x8086 for Intel.</summary>
    public required ushort Vendor { get; init; }

    /// <summary>Device id.</summary>
    public required ushort Device { get; init; }

    /// <summary>Class, subclass and programming interface, 24 bits: 0x020000 is an Ethernet controller.</summary>
    public uint Class { get; init; }

    /// <summary>The driver bound to it; null for none.</summary>
    public string? Driver { get; init; }

    /// <summary>Its netdevs in the namespace that sysfs was mounted in.</summary>
    public IReadOnlyList<string> Netdevs { get; init; } = [];

    /// <summary>Address of the physical function if this is a virtual function; else null.</summary>
    public string? PhysicalFunction { get; init; }

    /// <summary>Its NUMA node; -1 if unknown or none.</summary>
    public int NumaNode { get; init; } = -1;
}

/// <summary>Numbers of virtual functions of a physical function.</summary>
/// <param name="Total">The maximum.</param>
/// <param name="Current">The current number.</param>
public sealed record SriovTotals(int Total, int Current);

/// <summary>A virtual function.</summary>
/// <param name="Number">Its number on the physical function, from 0.</param>
/// <param name="Address">Its PCI address.</param>
/// <param name="Netdev">
/// Its netdev; null if there is none, it is in another namespace, or the function is assigned to a virtual machine.
/// </param>
public sealed record VirtualFunction(int Number, string Address, string? Netdev);

/// <summary>A subfunction's device on the auxiliary bus.</summary>
/// <param name="Name">Its name: "mlx5_core.sf.4".</param>
/// <param name="SfNumber">The subfunction's number.</param>
/// <param name="Netdevs">Its netdevs in the namespace that sysfs was mounted in.</param>
public sealed record AuxiliaryDevice(string Name, uint SfNumber, IReadOnlyList<string> Netdevs);
