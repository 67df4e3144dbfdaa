using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Services;

/// <summary>Names a service.</summary>
internal readonly record struct ServiceKey(string Namespace, string Name) : IComparable<ServiceKey>
{
    public int CompareTo(ServiceKey other)
    {
        var byNamespace = string.CompareOrdinal(Namespace, other.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(Name, other.Name);
    }

    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>What a client sends to: the key of a frontend.</summary>
internal readonly record struct FrontendKey(IPAddress Address, ProtocolType Protocol, ushort Port)
{
    public override string ToString() => Address.AddressFamily == AddressFamily.InterNetworkV6
        ? $"[{Address}]:{Port}/{ServiceText.Protocol(Protocol)}"
        : $"{Address}:{Port}/{ServiceText.Protocol(Protocol)}";
}

/// <summary>Who gets a new flow.</summary>
internal enum FlowTarget
{
    /// <summary>One of the backends that are <see cref="Backend.InCluster"/>.</summary>
    Cluster = 0,

    /// <summary>One of the backends that are <see cref="Backend.InLocal"/>.</summary>
    Local = 1,

    /// <summary>Nobody: there is no backend anywhere. The client is told.</summary>
    Refuse = 2,

    /// <summary>Nobody: the traffic policy is Local, and the backends are on other nodes.</summary>
    Drop = 3,
}

internal enum FrontendKind
{
    ClusterIP = 0,
    NodePort = 1,
    ExternalIP = 2,
    LoadBalancer = 3,
}

/// <summary>An address and port that clients send to.</summary>
/// <param name="Address">The virtual address, or one of the node's.</param>
/// <param name="Port">The port.</param>
/// <param name="Kind">Why there is this frontend.</param>
/// <param name="Inside">Who gets flows of the node itself and its pods.</param>
/// <param name="Outside">Who gets flows that come in by the uplink.</param>
/// <param name="MasqueradeInside">Whether flows from inside get a source address of the node's.</param>
/// <param name="MasqueradeOutside">Whether flows from outside do, so that their replies come back here.</param>
/// <param name="SourceRanges">Who may send; empty for everyone. Others are dropped.</param>
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
    /// <summary>Nobody may send, because the list of who may can't be applied. There are no source ranges then.</summary>
    public bool IsClosed { get; init; }
}

internal enum BackendPlace
{
    /// <summary>A pod of this node.</summary>
    Local = 0,

    /// <summary>This node itself: a pod on the host network, or a process.</summary>
    Host = 1,

    /// <summary>Anywhere else.</summary>
    Remote = 2,
}

/// <summary>One endpoint of a service's port, with what kube-proxy decides on it.</summary>
/// <param name="Address">The real address.</param>
/// <param name="Port">The real port.</param>
/// <param name="Place">Where it is.</param>
/// <param name="Ready">Gets new flows.</param>
/// <param name="Serving">Answers, perhaps while it ends.</param>
/// <param name="Terminating">Ends.</param>
/// <param name="InCluster">Eligible where the traffic policy is Cluster.</param>
/// <param name="InLocal">Eligible where the traffic policy is Local.</param>
internal sealed record Backend(IPAddress Address, ushort Port, BackendPlace Place, bool Ready, bool Serving, bool Terminating,
    bool InCluster, bool InLocal)
{
    public BackendKey Key => new(Address, Port);

    /// <summary>Tells the pod behind it from others that had or get the address; 0 where the cluster names none.</summary>
    public ulong Uid { get; init; }
}

/// <summary>Names a backend within a service's port.</summary>
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
/// <param name="Name">As in the Service; empty where the only port has none.</param>
/// <param name="Protocol">TCP, UDP or SCTP.</param>
/// <param name="Port">As in the Service.</param>
/// <param name="AffinitySeconds">How long a client keeps its backend; 0: each flow is balanced.</param>
/// <param name="Frontends">In order of address and port; each once.</param>
/// <param name="Backends">Every endpoint of the slices, in order of address and port, each once; also those that get nothing.</param>
internal sealed record ServicePortSpec(
    string Name,
    ProtocolType Protocol,
    ushort Port,
    int AffinitySeconds,
    SequenceOf<Frontend> Frontends,
    SequenceOf<Backend> Backends);

/// <summary>Something of a service that is not served, and why.</summary>
/// <param name="Subject">Such as <c>port dns</c>, <c>frontend 192.0.2.1:80/TCP</c>.</param>
/// <param name="Reason">One line.</param>
internal sealed record ServiceProblem(string Subject, string Reason)
{
    /// <summary>The subject of what concerns all of the service.</summary>
    public const string WholeService = "service";

    /// <summary>The subject of what concerns its list of source ranges.</summary>
    public const string AccessList = "access list";
}

/// <summary>
/// What should be for one service: a pure function of the Service, its slices, and the node. Equal values mean that nothing is to be done.
/// </summary>
internal sealed record ServiceSpec(ServiceKey Key, SequenceOf<ServicePortSpec> Ports)
{
    /// <summary>Where the load balancer asks whether this node has a backend; 0 for nowhere.</summary>
    public ushort HealthCheckNodePort { get; init; }

    /// <summary>Ready backends on this node, for the load balancer; addresses, not ports, are counted.</summary>
    public int ReadyHere { get; init; }

    public SequenceOf<ServiceProblem> Problems { get; init; } = [];

    /// <summary>Nothing of it is served, for the reason among the problems: its frontends refuse, or it has no ports here.</summary>
    public bool IsUnserved { get; init; }

    /// <summary>The same, with nothing served: its frontends refuse, and load balancers' health checks fail.</summary>
    public ServiceSpec Refused(string reason) => Unserved(reason, [.. Ports.Select(p => p with
    {
        Frontends = [.. p.Frontends.Select(f =>
            f with { Inside = FlowTarget.Refuse, Outside = FlowTarget.Refuse, SourceRanges = [], IsClosed = false })],
        Backends = [],
    })]);

    /// <summary>The same, with nothing served and no frontend: its addresses are as if there was no such service.</summary>
    public ServiceSpec Withdrawn(string reason) => Unserved(reason, []);

    private ServiceSpec Unserved(string reason, SequenceOf<ServicePortSpec> ports) => this with
    {
        Ports = ports,
        ReadyHere = 0,
        IsUnserved = true,
        Problems = [new ServiceProblem(ServiceProblem.WholeService, reason), .. Problems],
    };

    /// <summary>In memory, roughly.</summary>
    public int EstimatedBytes =>
        256 + (2 * (Key.Namespace.Length + Key.Name.Length)) + Ports.Sum(p => 128 + (160 * p.Frontends.Count) + (96 * p.Backends.Count));
}
