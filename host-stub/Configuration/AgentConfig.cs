using System.Net;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Configuration;

/// <summary>How to reach the ACC, and how to verify it.</summary>
internal sealed record AccConfig(Uri Address, string ServerName, string CertificateFile, string KeyFile, string CaFile)
{
    /// <summary>How long the ACC may be unreachable before STATUS fails: longer than a reboot takes.</summary>
    public TimeSpan StatusGrace { get; init; } = TimeSpan.FromSeconds(180);
}

/// <summary>An address with its prefix length.</summary>
internal readonly record struct InterfaceCidr(IPAddress Address, int PrefixLength);

/// <summary>Settings of the host's own interface.</summary>
internal sealed record HostInterfaceConfig(
    bool Enabled, string Name, IReadOnlyList<InterfaceCidr> Addresses, IReadOnlyList<IPNetwork> Routes)
{
    /// <summary>
    /// Source address of the host's own traffic over <see cref="Routes"/>; null for a node address with <see cref="Services"/>, otherwise
    /// for the kernel's choice.
    /// </summary>
    public IPAddress? PreferredSource { get; init; }

    /// <summary>
    /// Whether the host's own traffic to services goes through the pipeline: cluster IPs, external addresses and node ports, as the ACC
    /// reports them. Not on a host whose kube-proxy translates it.
    /// </summary>
    public bool Services { get; init; }

    /// <summary>veth, or tap for a target that supports no other ports.</summary>
    public string DeviceKind { get; init; } = "veth";
}

/// <summary>The agent's valid configuration.</summary>
internal sealed record AgentConfig
{
    public required AccConfig Acc { get; init; }

    public required string Socket { get; init; }

    public required string Store { get; init; }

    /// <summary>Directory for DELs that the plugin stored while the agent was not running.</summary>
    public required string Pending { get; init; }

    public required string DeviceKind { get; init; }

    /// <summary>Maximum number of attachments of one kind; 0 for the kind's own limit.</summary>
    public int DeviceLimit { get; init; }

    /// <summary>How long a device that failed is not used.</summary>
    public TimeSpan QuarantineTime { get; init; } = TimeSpan.FromSeconds(60);

    public required DeviceSettings Devices { get; init; }

    /// <summary>Path of the namespace of the data-plane ends, below /run/netns.</summary>
    public required string PortNamespace { get; init; }

    public required int Mtu { get; init; }

    public required HostInterfaceConfig HostInterface { get; init; }

    public required LoggingSettings Logging { get; init; }

    public MetricsConfig Metrics { get; init; } = new(null, null, null, null);

    /// <summary>How long an attachment whose namespace and device are gone waits for a DEL; zero for no limit.</summary>
    public TimeSpan VanishedGrace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Time limit for one run of a delegated plugin.</summary>
    public TimeSpan IpamTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time limit for an ADD, not including the undo of a failed one.</summary>
    public TimeSpan AddTimeout { get; init; } = TimeSpan.FromSeconds(8);
}

/// <summary>Where metrics are served; a null address means they are not served.</summary>
/// <remarks>
/// The files are needed only for an address that other hosts can reach. The agent's certificate for the ACC can't be used here, because it
/// is a client certificate.
/// </remarks>
internal sealed record MetricsConfig(IPEndPoint? Listen, string? CertificateFile, string? KeyFile, string? CaFile);
