using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>A subfunction to be made.</summary>
public sealed record SubfunctionSpec
{
    /// <summary>The device whose switch gets the port.</summary>
    public required DevlinkHandle Device { get; init; }

    /// <summary>The physical function it belongs to.</summary>
    public required ushort PfNumber { get; init; }

    /// <summary>Its number; null lets the driver choose, which not every one does (mlx5 refuses).</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The host (PCI controller) it is for; null for the one that runs the switch.</summary>
    public uint? Controller { get; init; }
}

/// <summary>What to change on the function behind a port, in one request; null leaves a thing as it is.</summary>
public sealed record FunctionChange
{
    /// <summary>New Ethernet address; drivers want it set before the function is switched on.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Switch it on or off.</summary>
    public bool? Active { get; init; }
}

/// <summary>A subfunction that works.</summary>
/// <param name="Port">Its port.</param>
/// <param name="AuxiliaryDevice">Its device on the auxiliary bus ("mlx5_core.sf.4"); null where the kernel shows none.</param>
/// <param name="NetdevName">Its own netdev (not the representor), as it was called when it was found: udev may rename it soon after.</param>
/// <param name="NetdevIndex">The netdev's index.</param>
public sealed record Subfunction(DevlinkPort Port, string? AuxiliaryDevice, string NetdevName, int NetdevIndex);
