using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>Identifies a service.</summary>
internal readonly record struct ServiceKey(string Namespace, string Name) : IComparable<ServiceKey>
{
    public int CompareTo(ServiceKey other)
    {
        var byNamespace = string.CompareOrdinal(Namespace, other.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(Name, other.Name);
    }

    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>The address, protocol and port that clients send to; identifies a frontend.</summary>
internal readonly record struct FrontendKey(IPAddress Address, ProtocolType Protocol, ushort Port)
{
    public override string ToString() => Address.AddressFamily == AddressFamily.InterNetworkV6
        ? $"[{Address}]:{Port}/{Transport.NameOf(Protocol)}"
        : $"{Address}:{Port}/{Transport.NameOf(Protocol)}";
}

/// <summary>Where a new flow goes.</summary>
internal enum FlowTarget
{
    /// <summary>To a backend that is <see cref="Backend.InCluster"/>.</summary>
    Cluster = 0,

    /// <summary>To a backend that is <see cref="Backend.InLocal"/>.</summary>
    Local = 1,

    /// <summary>Rejected, because the service has no backend; the client is notified.</summary>
    Refuse = 2,

    /// <summary>Dropped: the traffic policy is Local and all backends are on other nodes.</summary>
    Drop = 3,
}

internal enum FrontendKind
{
    ClusterIP = 0,
    NodePort = 1,
    ExternalIP = 2,
    LoadBalancer = 3,

    /// <summary>A host port of a pod.</summary>
    HostPort = 4,
}

/// <summary>An address and port that clients send to.</summary>
/// <param name="Address">The virtual address, or one of the node's addresses.</param>
/// <param name="Port">The port.</param>
/// <param name="Kind">Where the frontend comes from.</param>
/// <param name="Inside">Where flows from the node and its pods go.</param>
/// <param name="Outside">Where flows that arrive through the uplink go.</param>
/// <param name="MasqueradeInside">Whether flows from inside get one of the node's addresses as their source.</param>
/// <param name="MasqueradeOutside">Whether flows from outside do, so that replies return to this node.</param>
/// <param name="SourceRanges">The sources that may send; empty allows all. Other sources are dropped.</param>
internal sealed record Frontend(
    IPAddress Address,
    ushort Port,
    FrontendKind Kind,
    FlowTarget Inside,
    FlowTarget Outside,
    bool MasqueradeInside,
    bool MasqueradeOutside,
    SequenceOf<IPNetwork> SourceRanges)
{
    /// <summary>
    /// Every source is denied, because the list of allowed sources cannot be applied. <see cref="SourceRanges"/> is empty then.
    /// </summary>
    public bool IsClosed { get; init; }
}

internal enum BackendPlace
{
    /// <summary>A pod of this node.</summary>
    Local = 0,

    /// <summary>This node itself: a pod on the host network, or a host process.</summary>
    Host = 1,

    /// <summary>Any other place.</summary>
    Remote = 2,
}

/// <summary>One endpoint of a service port, with what kube-proxy would decide for it.</summary>
/// <param name="Address">The real address.</param>
/// <param name="Port">The real port.</param>
/// <param name="Place">Where the backend runs.</param>
/// <param name="Ready">Whether it gets new flows.</param>
/// <param name="Serving">Whether it responds, possibly while terminating.</param>
/// <param name="Terminating">Whether the pod is terminating.</param>
/// <param name="InCluster">Eligible where the traffic policy is Cluster.</param>
/// <param name="InLocal">Eligible where the traffic policy is Local.</param>
internal sealed record Backend(IPAddress Address, ushort Port, BackendPlace Place, bool Ready, bool Serving, bool Terminating,
    bool InCluster, bool InLocal)
{
    public BackendKey Key => new(Address, Port);

    /// <summary>Distinguishes the pod from earlier and later pods with the same address; 0 when the cluster names no pod.</summary>
    public ulong Uid { get; init; }
}

/// <summary>Identifies a backend within a service port.</summary>
internal readonly record struct BackendKey(IPAddress Address, ushort Port) : IComparable<BackendKey>
{
    public int CompareTo(BackendKey other)
    {
        Span<byte> mine = stackalloc byte[16], theirs = stackalloc byte[16];
        Address.TryWriteBytes(mine, out var length);
        other.Address.TryWriteBytes(theirs, out var otherLength);
        var byFamily = length - otherLength;
        var byAddress = byFamily != 0 ? byFamily : mine[..length].SequenceCompareTo(theirs[..otherLength]);
        return byAddress != 0 ? byAddress : Port.CompareTo(other.Port);
    }

    public override string ToString() => new IPEndPoint(Address, Port).ToString();
}

/// <summary>One port of a service.</summary>
/// <param name="Name">As in the Service; empty when the only port has no name.</param>
/// <param name="Protocol">TCP, UDP or SCTP.</param>
/// <param name="Port">As in the Service.</param>
/// <param name="AffinitySeconds">How long a client keeps its backend, in seconds; 0: each flow is balanced.</param>
/// <param name="Frontends">In order of address and port, without duplicates.</param>
/// <param name="Backends">All endpoints of the slices in order of address and port, without duplicates, including ineligible ones.</param>
internal sealed record ServicePortSpec(
    string Name,
    ProtocolType Protocol,
    ushort Port,
    int AffinitySeconds,
    SequenceOf<Frontend> Frontends,
    SequenceOf<Backend> Backends);

/// <summary>A part of a service that is not served, and why.</summary>
/// <param name="Subject">Such as <c>port dns</c>, <c>frontend 192.0.2.1:80/TCP</c>.</param>
/// <param name="Reason">One line.</param>
internal sealed record ServiceProblem(string Subject, string Reason)
{
    /// <summary>The subject of problems that concern the whole service.</summary>
    public const string WholeService = "service";

    /// <summary>The subject of problems with the list of source ranges.</summary>
    public const string AccessList = "access list";
}

/// <summary>
/// The desired state of one service: a pure function of the Service, its slices and the node. If it is unchanged, there is nothing to do.
/// </summary>
internal sealed record ServiceSpec(ServiceKey Key, SequenceOf<ServicePortSpec> Ports)
{
    /// <summary>The port where the load balancer checks whether this node has a backend; 0 for none.</summary>
    public ushort HealthCheckNodePort { get; init; }

    /// <summary>The number of addresses with ready backends on this node, for the load balancer's health check.</summary>
    public int ReadyHere { get; init; }

    public SequenceOf<ServiceProblem> Problems { get; init; } = [];

    /// <summary>
    /// The service is not served, for the reason listed in <see cref="Problems"/>: its frontends refuse, or it has no ports here.
    /// </summary>
    public bool IsUnserved { get; init; }

    /// <summary>The specification with nothing served: frontends refuse flows, and load balancer health checks fail.</summary>
    public ServiceSpec Refused(string reason) => Unserved(reason, [.. Ports.Select(p => p with
    {
        Frontends = [.. p.Frontends.Select(f =>
            f with { Inside = FlowTarget.Refuse, Outside = FlowTarget.Refuse, SourceRanges = [], IsClosed = false })],
        Backends = [],
    })]);

    /// <summary>The specification without ports: its addresses are treated as if the service did not exist.</summary>
    public ServiceSpec Withdrawn(string reason) => Unserved(reason, []);

    private ServiceSpec Unserved(string reason, SequenceOf<ServicePortSpec> ports) => this with
    {
        Ports = ports,
        ReadyHere = 0,
        IsUnserved = true,
        Problems = [new ServiceProblem(ServiceProblem.WholeService, reason), .. Problems],
    };

    /// <summary>The estimated memory use in bytes.</summary>
    public int EstimatedBytes =>
        256 + (2 * (Key.Namespace.Length + Key.Name.Length)) + Ports.Sum(p => 128 + (160 * p.Frontends.Count) + (96 * p.Backends.Count));
}
