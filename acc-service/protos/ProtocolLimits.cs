namespace ACCOffload.Protos;

/// <summary>
/// Limits of accoffload.v1 for both the agent and the ACC. The agent checks them before it creates anything, so that nothing exists on the
/// host that it cannot report to the ACC.
/// </summary>
public static class ProtocolLimits
{
    /// <summary>Maximum UTF-8 bytes of a network name, container ID, pod name, pod namespace or pod UID.</summary>
    public const int MaxNameBytes = 256;

    /// <summary>
    /// Maximum bytes of a port name or interface name. Interface names of the kernel have at most 15 bytes (IFNAMSIZ); ports of other
    /// targets may have longer names.
    /// </summary>
    public const int MaxPortNameBytes = 63;

    /// <summary>Characters allowed in a port name; <c>.</c> and <c>..</c> are not valid names.</summary>
    public const string PortNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@-";

    /// <summary>Maximum number of addresses of an attachment.</summary>
    public const int MaxAddresses = 16;

    /// <summary>Maximum number of host ports of an attachment.</summary>
    public const int MaxHostPorts = 64;

    /// <summary>
    /// Maximum number of host ports of all attachments of a node, so that they leave room in the pipeline's tables for services.
    /// </summary>
    public const int MaxNodeHostPorts = 4096;

    /// <summary>Maximum number of attachments of a node, including the host interface.</summary>
    public const int MaxAttachments = 4096;

    /// <summary>Maximum bytes of an attachment in a list, including tag and length.</summary>
    public const int MaxAttachmentBytes = 4096;

    /// <summary>Maximum bytes of a message: the largest list of the largest attachments, plus the other fields.</summary>
    public const int MaxMessageBytes = (MaxAttachments * MaxAttachmentBytes) + 4096;

    /// <summary>Minimum and maximum MTU of an attachment in bytes; 0 requests the ACC's default.</summary>
    public const int MinMtu = 576;

    /// <inheritdoc cref="MinMtu"/>
    public const int MaxMtu = 65535;

    /// <summary>Maximum number of the cluster's service ranges that the host is told about.</summary>
    public const int MaxServiceRanges = 64;

    /// <summary>
    /// Maximum number of service port ranges that the host is told of: each becomes a routing rule, and the kernel tries them one by one.
    /// </summary>
    public const int MaxServicePorts = 256;

    /// <summary>
    /// Maximum number of services whose health checks are answered: the size of the default node port range of Kubernetes.
    /// </summary>
    public const int MaxHealthChecks = 2768;

    /// <summary>Maximum bytes of an agent's name.</summary>
    public const int MaxAgentNameBytes = 64;
}
