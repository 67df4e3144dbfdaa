using System.Net;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>The whole configuration of inframanager, valid; and the file that it came from, for errors that show later. Metrics are served nowhere without an address.</summary>
internal sealed record Settings(
    string Source,
    NodeSettings Node,
    ApiSettings Api,
    TargetSettings Target,
    SoftTargetSettings SoftTarget,
    PipelineSettings Pipeline,
    StoreSettings Store,
    ControlSettings Control,
    LimitsSettings Limits,
    LoggingSettings Logging,
    KubernetesSettings Kubernetes,
    ServicesSettings Services,
    ArpProxySettings ArpProxy,
    IReadOnlyDictionary<string, SubfunctionSettings> Subfunctions,
    IPEndPoint? MetricsListen);

/// <summary>Where ARP is answered for targets that can't; null for nowhere.</summary>
internal sealed record ArpProxySettings(string? Interface);

/// <summary>Who says what services there are.</summary>
internal enum ServicesSource
{
    /// <summary>The cluster's API server, watched from here.</summary>
    Watch,

    /// <summary>The node's agent, by infra.InfraAgent.</summary>
    Agent,
}

/// <summary>Where services come from, and where load balancers' health checks are answered; null for nowhere.</summary>
internal sealed record ServicesSettings(ServicesSource Source, IPAddress? HealthCheckAddress);

/// <summary>The API that the host speaks to, under mutual TLS.</summary>
internal sealed record ApiSettings(
    IPEndPoint Listen,
    IPEndPoint? HealthListen,
    string CertificateFile,
    string KeyFile,
    string CaFile,
    string? CrlFile,
    IReadOnlyDictionary<string, string> FingerprintRoles,
    int MaxMessageBytes,
    int MaxStreams,
    ConnectionLimits Connections);

/// <summary>Which server programs the pipeline.</summary>
internal enum TargetKind
{
    /// <summary>The soft target, within this process.</summary>
    Embedded,

    /// <summary>A P4Runtime and gNMI server elsewhere.</summary>
    External,
}

/// <summary>How the P4Runtime and gNMI server is reached. Addresses are unix:/path or https://host:port. Without traits they are detected. Ports have to be there before the pipeline is pushed.</summary>
internal sealed record TargetSettings(
    TargetKind Kind,
    string P4Runtime,
    string Gnmi,
    ulong DeviceId,
    string CertificateFile,
    string KeyFile,
    string CaFile,
    string? ServerName,
    string? ServerRole,
    int BatchSize,
    TimeSpan RpcTimeout,
    TargetTraits? Traits,
    TargetPorts Ports);

/// <summary>Where the soft target listens, with the certificates for TCP, and the network namespace that its ports live in.</summary>
internal sealed record SoftTargetSettings(string Listen, string PortNamespace, string? CertificateFile, string? KeyFile, string? CaFile, IReadOnlyList<string> ClientRoles);

/// <summary>Where the compiled pipeline is: our own, or a package of release 24.01 and its P4Info. Null for a package that somebody else loads.</summary>
internal sealed record PipelineSettings(string Directory, string? Package, string? P4Info);

/// <summary>The database of the desired state.</summary>
internal sealed record StoreSettings(string Path);

/// <summary>The socket of inframanager ctl.</summary>
internal sealed record ControlSettings(string Socket);

/// <summary>Bounds on what waits in memory, and on stopping.</summary>
internal sealed record LimitsSettings(int QueueIntents, long QueueBytes, TimeSpan Shutdown);
