using System.Net;
using System.Net.Sockets;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>Names an object of one kind; the namespace is empty for what has none, such as a Node.</summary>
internal readonly record struct ObjectName(string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}

/// <summary>What every object of the API has. <see cref="ResourceVersion"/> is opaque: equal or not, nothing else.</summary>
internal abstract record KubeObject(ObjectName Name, string Uid, string ResourceVersion);

/// <summary>A Service (v1), as far as a proxy needs it; defaults filled in, addresses parsed.</summary>
internal sealed record ServiceObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    public DateTimeOffset Created { get; init; }

    /// <summary>Why the object can't be read; then only the names and the UID are known. Empty for one that could be read.</summary>
    public string Unreadable { get; init; } = "";

    /// <summary>The label <c>service.kubernetes.io/service-proxy-name</c> is there: another proxy serves it.</summary>
    public bool HasProxyName { get; init; }

    /// <summary>The label <c>service.kubernetes.io/headless</c> is there.</summary>
    public bool HasHeadlessLabel { get; init; }

    public ServiceType Type { get; init; }

    /// <summary>Empty for a headless service (<c>clusterIP: None</c>) and one that has none yet.</summary>
    public IReadOnlyList<IPAddress> ClusterIPs { get; init; } = [];

    public IReadOnlyList<ServicePortObject> Ports { get; init; } = [];

    public IReadOnlyList<IPAddress> ExternalIPs { get; init; } = [];

    /// <summary>Ingress addresses that are virtual ones: those of <c>ipMode: Proxy</c>, and names, are left out.</summary>
    public IReadOnlyList<IPAddress> IngressIPs { get; init; } = [];

    public IReadOnlyList<IPNetwork> SourceRanges { get; init; } = [];

    /// <summary>Why the source ranges can't be read, with the field; empty when they can.</summary>
    public string SourceRangesProblem { get; init; } = "";

    public bool ExternalTrafficLocal { get; init; }

    public bool InternalTrafficLocal { get; init; }

    /// <summary>The timeout of <c>sessionAffinity: ClientIP</c>; zero without affinity.</summary>
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
/// <param name="Name">Empty where the only port has none.</param>
/// <param name="Protocol">The transport.</param>
/// <param name="Port">Of the cluster address.</param>
/// <param name="NodePort">0 for none.</param>
internal sealed record ServicePortObject(string Name, ProtocolType Protocol, ushort Port, ushort NodePort);

/// <summary>An EndpointSlice (discovery.k8s.io/v1).</summary>
internal sealed record SliceObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    /// <summary>The label <c>kubernetes.io/service-name</c>; empty when there is none.</summary>
    public string ServiceName { get; init; } = "";

    /// <summary>Why the object can't be read; then it has no endpoints. Empty for one that could be read.</summary>
    public string Unreadable { get; init; } = "";

    public bool HasProxyName { get; init; }

    public bool HasHeadlessLabel { get; init; }

    /// <summary>Null for names (FQDN).</summary>
    public AddressFamily? Family { get; init; }

    public IReadOnlyList<SlicePort> Ports { get; init; } = [];

    public IReadOnlyList<SliceEndpoint> Endpoints { get; init; } = [];
}

/// <summary>A port of a slice. A port without a number ("all ports") has 0.</summary>
internal sealed record SlicePort(string? Name, ProtocolType Protocol, ushort Port);

/// <summary>An endpoint of a slice, with the conditions as a consumer has to read them: absent means ready, serving, not terminating.</summary>
internal sealed record SliceEndpoint(IPAddress Address, string NodeName, bool Ready, bool Serving, bool Terminating, IReadOnlyList<string> ZoneHints)
{
    /// <summary>A hash of the UID of the pod behind it (<c>targetRef</c>); 0 where none is named.</summary>
    public ulong Uid { get; init; }
}

/// <summary>A Node (v1): only where it is.</summary>
internal sealed record NodeObject(ObjectName Name, string Uid, string ResourceVersion) : KubeObject(Name, Uid, ResourceVersion)
{
    /// <summary>The label <c>topology.kubernetes.io/zone</c>; empty when there is none.</summary>
    public string Zone { get; init; } = "";
}
