using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>A subfunction to create.</summary>
public sealed record SubfunctionSpec
{
    /// <summary>The device on which to create it.</summary>
    public required DevlinkHandle Device { get; init; }

    /// <summary>The physical function it belongs to.</summary>
    public required ushort PfNumber { get; init; }

    /// <summary>Its number; null lets the driver choose, which not every driver supports (mlx5 refuses).</summary>
    public uint? SfNumber { get; init; }

    /// <summary>The host (PCI controller) it is for; null for the host that runs the switch.</summary>
    public uint? Controller { get; init; }
}

/// <summary>What to change on the function behind a port, in one request; null leaves a property unchanged.</summary>
public sealed record FunctionChange
{
    /// <summary>New Ethernet address; drivers require it before activation.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Activate or deactivate it.</summary>
    public bool? Active { get; init; }
}

/// <summary>An operational subfunction.</summary>
/// <param name="Port">Its port.</param>
/// <param name="AuxiliaryDevice">Its device on the auxiliary bus ("mlx5_core.sf.4"); null if the kernel shows none.</param>
/// <param name="NetdevName">
/// Name of its own netdev (not the representor) when it was found: udev may rename it soon after.
/// </param>
/// <param name="NetdevIndex">The netdev's index.</param>
public sealed record Subfunction(DevlinkPort Port, string? AuxiliaryDevice, string NetdevName, int NetdevIndex);
