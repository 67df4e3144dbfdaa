namespace ACCOffload.TestKit.Machines;

/// <summary>What a <see cref="BootedMachine"/> has beyond a minimal system.</summary>
public sealed record MachineOptions
{
    /// <summary>The host name; null for the machine's generated name.</summary>
    public string? HostName { get; init; }

    /// <summary>
    /// Whether a container runtime can work in the machine: control groups of all controllers, writable /proc/sys and /sys, and mounts that
    /// containers can share.
    /// </summary>
    public bool Containers { get; init; }

    /// <summary>Folders of this host that the machine sees read-only: path in the machine → path here.</summary>
    public IReadOnlyDictionary<string, string> ReadOnlyFolders { get; init; } = new Dictionary<string, string>();
}
