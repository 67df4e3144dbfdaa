using System.Net;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;

namespace ACCOffload.InfraManager.Configuration;

/// <summary>
/// The validated configuration of inframanager, and the file it came from, for errors found only later. Metrics are served if an address
/// is configured for them.
/// </summary>
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
    PolicySettings Policy,
    ArpProxySettings ArpProxy,
    IReadOnlyDictionary<string, SubfunctionSettings> Subfunctions,
    IPEndPoint? MetricsListen);

/// <summary>Where the cluster's services come from.</summary>
internal enum ServicesSource
{
    /// <summary>The cluster's API server, which is watched.</summary>
    Watch,

    /// <summary>The node's agent, through infra.InfraAgent.</summary>
    Agent,
}

/// <summary>Where services come from, and the address that serves load balancers' health checks; null for none.</summary>
internal sealed record ServicesSettings(ServicesSource Source, IPAddress? HealthCheckAddress);

/// <summary>Where network policy comes from.</summary>
internal enum PolicySource
{
    /// <summary>The cluster's API server, which is watched: NetworkPolicy and ClusterNetworkPolicy.</summary>
    Kubernetes,

    /// <summary>Calico's Felix, through its driver.</summary>
    Felix,

    /// <summary>Calico's Felix, through the node's 24.01 agent and infra.InfraAgent: the host decides about policy.</summary>
    Agent,

    /// <summary>Nowhere: no traffic is judged.</summary>
    Off,
}

/// <summary>Where network policy comes from, and the path of the socket for Felix's driver.</summary>
internal sealed record PolicySettings(PolicySource Source, string FelixSocket);

/// <summary>Where the soft target listens, its certificates for TCP, and the network namespace of its ports.</summary>
internal sealed record SoftTargetSettings(
    string Listen, string PortNamespace, string? CertificateFile, string? KeyFile, string? CaFile, IReadOnlyList<string> ClientRoles);

/// <summary>Limits on the requests queued in memory, and on the time for an orderly stop.</summary>
internal sealed record LimitsSettings(int QueueIntents, long QueueBytes, TimeSpan Shutdown);
