using System.Net;
using ACCOffload.HostStub.Devices;

namespace ACCOffload.HostStub.Configuration;

/// <summary>How to reach the ACC, and who has to be there.</summary>
internal sealed record AccConfig(Uri Address, string ServerName, string CertificateFile, string KeyFile, string CaFile)
{
    /// <summary>How long the ACC may be away before STATUS says so: longer than its reboot takes.</summary>
    public TimeSpan StatusGrace { get; init; } = TimeSpan.FromSeconds(180);
}

/// <summary>An address with its prefix length.</summary>
internal readonly record struct InterfaceCidr(IPAddress Address, int PrefixLength);

/// <summary>The host's own interface into the pipeline.</summary>
internal sealed record HostInterfaceConfig(bool Enabled, string Name, IReadOnlyList<InterfaceCidr> Addresses, IReadOnlyList<IPNetwork> Routes)
{
    /// <summary>veth, or tap where the target takes no other ports.</summary>
    public string DeviceKind { get; init; } = "veth";
}

/// <summary>The agent's configuration, checked.</summary>
internal sealed record AgentConfig
{
    public required AccConfig Acc { get; init; }

    public required string Socket { get; init; }

    public required string Store { get; init; }

    /// <summary>Directory where the plugin leaves the DELs that the agent could not take.</summary>
    public required string Pending { get; init; }

    public required string DeviceKind { get; init; }

    /// <summary>Most attachments of one kind; 0: as many as the kind allows.</summary>
    public int DeviceLimit { get; init; }

    /// <summary>How long a device that failed is left alone.</summary>
    public TimeSpan QuarantineTime { get; init; } = TimeSpan.FromSeconds(60);

    public required DeviceSettings Devices { get; init; }

    /// <summary>Path of the namespace that holds the data-plane ends, below /run/netns.</summary>
    public required string PortNamespace { get; init; }

    public required int Mtu { get; init; }

    public required HostInterfaceConfig HostInterface { get; init; }

    public required LoggingSettings Logging { get; init; }

    public MetricsConfig Metrics { get; init; } = new(null, null, null, null);

    /// <summary>How long after its namespace and its device an attachment is kept for a DEL; zero: until one comes.</summary>
    public TimeSpan VanishedGrace { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>One run of a delegated plugin.</summary>
    public TimeSpan IpamTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>An ADD from its start to its answer, before what a failure has to undo.</summary>
    public TimeSpan AddTimeout { get; init; } = TimeSpan.FromSeconds(8);
}

/// <summary>Where metrics are served; a null address means they are not served.</summary>
/// <remarks>The files are needed only for an address that other hosts can reach: the agent's other certificate is a client certificate.</remarks>
internal sealed record MetricsConfig(IPEndPoint? Listen, string? CertificateFile, string? KeyFile, string? CaFile);
