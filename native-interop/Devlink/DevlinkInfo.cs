using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.NativeInterop.Devlink;

/// <summary>One version that a device tells.</summary>
/// <param name="Name">Of what: "fw.mgmt", "board.id".</param>
/// <param name="Value">The version.</param>
public sealed record DevlinkVersion(string Name, string Value);

/// <summary>What a device says about itself.</summary>
public sealed record DevlinkInfo
{
    /// <summary>The device.</summary>
    public required DevlinkHandle Device { get; init; }

    /// <summary>Name of the driver.</summary>
    public string? Driver { get; init; }

    /// <summary>Serial number of the device.</summary>
    public string? SerialNumber { get; init; }

    /// <summary>Serial number of the board.</summary>
    public string? BoardSerialNumber { get; init; }

    /// <summary>What never changes: board and chip.</summary>
    public IReadOnlyList<DevlinkVersion> Fixed { get; init; } = [];

    /// <summary>What runs.</summary>
    public IReadOnlyList<DevlinkVersion> Running { get; init; } = [];

    /// <summary>What will run after the next reset.</summary>
    public IReadOnlyList<DevlinkVersion> Stored { get; init; } = [];
}
