namespace ACCOffload.Protos;

/// <summary>
/// Limits of accoffload.v1 that the agent and the ACC both obey. The agent refuses what is beyond them before it makes anything, so that
/// nothing exists on the host that the ACC cannot be told of.
/// </summary>
public static class ProtocolLimits
{
    /// <summary>Longest network name, container id, pod name, pod namespace and pod UID, in bytes of UTF-8.</summary>
    public const int MaxNameBytes = 256;

    /// <summary>Longest port name and interface name, in bytes. The kernel's interface names have 15 at most (IFNAMSIZ), other targets' ports may have more.</summary>
    public const int MaxPortNameBytes = 63;

    /// <summary>Most addresses of one attachment.</summary>
    public const int MaxAddresses = 16;

    /// <summary>Most attachments of one node.</summary>
    public const int MaxAttachments = 4096;
}
