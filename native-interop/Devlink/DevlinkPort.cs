using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>What a devlink port faces (enum devlink_port_flavour).</summary>
public enum DevlinkPortFlavour
{
    /// <summary>The user: a physical port.</summary>
    Physical = 0,
    /// <summary>The processor that runs the switch.</summary>
    Cpu = 1,
    /// <summary>Another switch chip.</summary>
    Dsa = 2,
    /// <summary>A PCI physical function.</summary>
    PciPf = 3,
    /// <summary>A PCI virtual function.</summary>
    PciVf = 4,
    /// <summary>The user, through a virtual port; also what a subfunction's own devlink device has.</summary>
    Virtual = 5,
    /// <summary>Nobody.</summary>
    Unused = 6,
    /// <summary>A PCI subfunction.</summary>
    PciSf = 7,
}

/// <summary>What a devlink port carries (enum devlink_port_type).</summary>
public enum DevlinkPortType
{
    /// <summary>Not yet known.</summary>
    NotSet = 0,
    /// <summary>To be found out.</summary>
    Auto = 1,
    /// <summary>Ethernet.</summary>
    Ethernet = 2,
    /// <summary>InfiniBand.</summary>
    InfiniBand = 3,
}

/// <summary>A port of a devlink device. Those of the PCI flavours are the switch's side of a function; the function itself is described by what begins with "Function".</summary>
public sealed record DevlinkPort
{
    /// <summary>The device.</summary>
    public required DevlinkHandle Device { get; init; }

    /// <summary>Number on the device.</summary>
    public required uint Index { get; init; }

    /// <summary>What it faces; null where the driver does not say.</summary>
    public DevlinkPortFlavour? Flavour { get; init; }

    /// <summary>What it carries.</summary>
    public DevlinkPortType Type { get; init; }

    /// <summary>The port's netdev, which is the representor where the port faces a function; null for none.</summary>
    public string? NetdevName { get; init; }

    /// <summary>Index of <see cref="NetdevName"/>; 0 for none.</summary>
    public int NetdevIndex { get; init; }

    /// <summary>Number of a physical port.</summary>
    public uint? PhysicalNumber { get; init; }

    /// <summary>The physical function it faces, or that the virtual function or subfunction belongs to.</summary>
    public ushort? PfNumber { get; init; }

    /// <summary>The virtual function it faces.</summary>
    public ushort? VfNumber { get; init; }

    /// <summary>The subfunction it faces.</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The host (PCI controller) the function is on.</summary>
    public uint? Controller { get; init; }

    /// <summary>The function is another host's than the one that runs the switch.</summary>
    public bool External { get; init; }

    /// <summary>The function's Ethernet address; zero until somebody gives it one; null where the driver does not say.</summary>
    public MacAddress? FunctionMac { get; init; }

    /// <summary>The function is switched on; null where the driver does not say.</summary>
    public bool? FunctionActive { get; init; }

    /// <summary>The function's driver works with it; null where the switch's driver does not say.</summary>
    public bool? FunctionAttached { get; init; }
}
