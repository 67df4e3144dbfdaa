using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>The name of an object; the namespace is empty for cluster-scoped objects such as a Node.</summary>
internal readonly record struct ObjectName(string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}

/// <summary>An object of the Kubernetes API. <see cref="ResourceVersion"/> is opaque: it can only be compared for equality.</summary>
internal abstract record KubeObject(ObjectName Name, string Uid, string ResourceVersion);

/// <summary>A Service (v1) with the fields that a proxy needs: defaults filled in, addresses parsed.</summary>
internal sealed record ServiceObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    public DateTimeOffset Created { get; init; }

    /// <summary>Why the object cannot be read, in which case only its name and UID are known; otherwise empty.</summary>
    public string ReadError { get; init; } = "";

    /// <summary>Has the label <c>service.kubernetes.io/service-proxy-name</c>: another proxy serves it.</summary>
    public bool HasProxyName { get; init; }

    /// <summary>Has the label <c>service.kubernetes.io/headless</c>.</summary>
    public bool HasHeadlessLabel { get; init; }

    public ServiceType Type { get; init; }

    /// <summary>Empty for a headless service (<c>clusterIP: None</c>) and while none is assigned.</summary>
    public IReadOnlyList<IPAddress> ClusterIPs { get; init; } = [];

    public IReadOnlyList<ServicePortObject> Ports { get; init; } = [];

    public IReadOnlyList<IPAddress> ExternalIPs { get; init; } = [];

    /// <summary>Virtual ingress addresses, without those of <c>ipMode: Proxy</c> and host names.</summary>
    public IReadOnlyList<IPAddress> IngressIPs { get; init; } = [];

    public IReadOnlyList<IPNetwork> SourceRanges { get; init; } = [];

    /// <summary>Why the source ranges cannot be read; otherwise empty.</summary>
    public string SourceRangesProblem { get; init; } = "";

    public bool ExternalTrafficLocal { get; init; }

    public bool InternalTrafficLocal { get; init; }

    /// <summary>The timeout of <c>sessionAffinity: ClientIP</c>; 0 without affinity.</summary>
    public int AffinitySeconds { get; init; }

    /// <summary>0 for none.</summary>
    public ushort HealthCheckNodePort { get; init; }
}

internal enum ServiceType
{
    ClusterIP,
    NodePort,
    LoadBalancer,
    ExternalName,
}

/// <summary>One port of a Service.</summary>
/// <param name="Name">Empty for an unnamed port.</param>
/// <param name="Protocol">The transport protocol.</param>
/// <param name="Port">The port at the cluster IP.</param>
/// <param name="NodePort">0 for none.</param>
internal sealed record ServicePortObject(string Name, ProtocolType Protocol, ushort Port, ushort NodePort);

/// <summary>An EndpointSlice (discovery.k8s.io/v1).</summary>
internal sealed record SliceObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    /// <summary>Value of the label <c>kubernetes.io/service-name</c>; empty without one.</summary>
    public string ServiceName { get; init; } = "";

    /// <summary>Why the object cannot be read, in which case it has no endpoints; otherwise empty.</summary>
    public string ReadError { get; init; } = "";

    public bool HasProxyName { get; init; }

    public bool HasHeadlessLabel { get; init; }

    /// <summary>Null for host names (FQDN).</summary>
    public AddressFamily? Family { get; init; }

    public IReadOnlyList<SlicePort> Ports { get; init; } = [];

    public IReadOnlyList<SliceEndpoint> Endpoints { get; init; } = [];
}

/// <summary>A port of a slice; port 0 means all ports.</summary>
internal sealed record SlicePort(string? Name, ProtocolType Protocol, ushort Port);

/// <summary>An endpoint of a slice. Absent conditions mean ready, serving and not terminating.</summary>
internal sealed record SliceEndpoint(
    IPAddress Address, string NodeName, bool Ready, bool Serving, bool Terminating, IReadOnlyList<string> ZoneHints)
{
    /// <summary>Hash of the pod's UID (<c>targetRef</c>); 0 without one.</summary>
    public ulong Uid { get; init; }
}

/// <summary>A Node (v1), limited to its labels, addresses, pod ranges, and tunnel endpoint.</summary>
internal sealed record NodeObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    public LabelSet Labels { get; init; }

    /// <summary>Value of the label <c>topology.kubernetes.io/zone</c>; empty without one.</summary>
    public string Zone { get; init; } = "";

    /// <summary>The IP addresses in <c>status.addresses</c>, whatever their type.</summary>
    public IReadOnlyList<IPAddress> Addresses { get; init; } = [];

    /// <summary>The addresses of type InternalIP, of both families, in the order of <c>status.addresses</c>.</summary>
    public IReadOnlyList<IPAddress> InternalAddresses { get; init; } = [];

    /// <summary><c>spec.podCIDRs</c>: at most one range per family, none if another component allocates addresses.</summary>
    public IReadOnlyList<IPNetwork> PodRanges { get; init; } = [];

    /// <summary>The address of its tunnel endpoint, as Calico or flannel announces it; null without an announcement.</summary>
    public IPAddress? TunnelAddress { get; init; }

    /// <summary>Its MAC address within the tunnel, as Calico or flannel announces it; null without an announcement.</summary>
    public MacAddress? TunnelMac { get; init; }
}

/// <summary>A ServiceCIDR (networking.k8s.io/v1): ranges of cluster IPs.</summary>
internal sealed record ServiceRangeObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    public IReadOnlyList<IPNetwork> Ranges { get; init; } = [];
}
