using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>Flavour of a devlink port: what it connects to (enum devlink_port_flavour).</summary>
public enum DevlinkPortFlavour
{
    /// <summary>A physical port.</summary>
    Physical = 0,
    /// <summary>The CPU that runs the switch.</summary>
    Cpu = 1,
    /// <summary>Another switch chip.</summary>
    Dsa = 2,
    /// <summary>A PCI physical function.</summary>
    PciPf = 3,
    /// <summary>A PCI virtual function.</summary>
    PciVf = 4,
    /// <summary>A virtual port; also the port of a subfunction's own devlink device.</summary>
    Virtual = 5,
    /// <summary>Unused.</summary>
    Unused = 6,
    /// <summary>A PCI subfunction.</summary>
    PciSf = 7,
}

/// <summary>Type of a devlink port (enum devlink_port_type).</summary>
public enum DevlinkPortType
{
    /// <summary>Not set.</summary>
    NotSet = 0,
    /// <summary>Detected automatically.</summary>
    Auto = 1,
    /// <summary>Ethernet.</summary>
    Ethernet = 2,
    /// <summary>InfiniBand.</summary>
    InfiniBand = 3,
}

/// <summary>
/// A port of a devlink device. Ports of the PCI flavours are the switch side of a function; the Function… properties describe the function
/// itself.
/// </summary>
public sealed record DevlinkPort
{
    /// <summary>The device.</summary>
    public required DevlinkHandle Device { get; init; }

    /// <summary>Number on the device.</summary>
    public required uint Index { get; init; }

    /// <summary>What it connects to; null if the driver does not report it.</summary>
    public DevlinkPortFlavour? Flavour { get; init; }

    /// <summary>Its type.</summary>
    public DevlinkPortType Type { get; init; }

    /// <summary>The port's netdev: the representor if the port connects to a function; null for none.</summary>
    public string? NetdevName { get; init; }

    /// <summary>Index of <see cref="NetdevName"/>; 0 for none.</summary>
    public int NetdevIndex { get; init; }

    /// <summary>Number of a physical port.</summary>
    public uint? PhysicalNumber { get; init; }

    /// <summary>The physical function it connects to, or the one that the virtual function or subfunction belongs to.</summary>
    public ushort? PfNumber { get; init; }

    /// <summary>The virtual function it connects to.</summary>
    public ushort? VfNumber { get; init; }

    /// <summary>The subfunction it connects to.</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The host (PCI controller) the function is on.</summary>
    public uint? Controller { get; init; }

    /// <summary>The function belongs to a different host than the switch.</summary>
    public bool External { get; init; }

    /// <summary>The function's Ethernet address; zero until one is set; null if the driver does not report it.</summary>
    public MacAddress? FunctionMac { get; init; }

    /// <summary>The function is active; null if the driver does not report it.</summary>
    public bool? FunctionActive { get; init; }

    /// <summary>The function's driver is attached; null if the switch's driver does not report it.</summary>
    public bool? FunctionAttached { get; init; }
}
