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

    /// <summary>What a port's name is made of; <c>.</c> and <c>..</c> are none.</summary>
    public const string PortNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-";

    /// <summary>Most addresses of one attachment.</summary>
    public const int MaxAddresses = 16;

    /// <summary>Most attachments of one node, the host's own interface among them.</summary>
    public const int MaxAttachments = 4096;

    /// <summary>Most bytes of one attachment in a list, its tag and length included.</summary>
    public const int MaxAttachmentBytes = 2048;

    /// <summary>Most bytes of a message: the longest list of the longest attachments, and a little for the rest of it.</summary>
    public const int MaxMessageBytes = (MaxAttachments * MaxAttachmentBytes) + 4096;

    /// <summary>Smallest and largest MTU of an attachment, in bytes; 0 asks for the ACC's default.</summary>
    public const int MinMtu = 576;

    /// <inheritdoc cref="MinMtu"/>
    public const int MaxMtu = 65535;

    /// <summary>Longest name of an agent's process, in bytes.</summary>
    public const int MaxAgentNameBytes = 64;
}
