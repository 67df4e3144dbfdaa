namespace ACCOffload.InfraManager.State.Values;

/// <summary>The kinds of domain objects that own table entries.</summary>
internal enum OwnerKind
{
    /// <summary>The node itself: masquerading, the gateway, and destinations that are not routed.</summary>
    Node = 0,
    Endpoint = 1,
    Service = 2,

    /// <summary>The high-water mark of the service IDs.</summary>
    Ids = 3,

    /// <summary>The clock for session affinity.</summary>
    Clock = 4,

    /// <summary>Another node of the cluster.</summary>
    RemoteNode = 5,

    /// <summary>A neighbour on the uplink network.</summary>
    Neighbor = 6,

    /// <summary>Network policy. Its rows are too many to be replaced as a whole.</summary>
    Policy = 7,
}

/// <summary>Identifies a domain object that owns a set of table entries, which are a pure function of the model.</summary>
internal readonly record struct OwnerId
{
    private const int KindShift = 60;

    private readonly ulong _packed;

    private OwnerId(OwnerKind kind, long id) => _packed = ((ulong)kind << KindShift) | (ulong)id;

    public static OwnerId Node { get; } = new(OwnerKind.Node, 1);

    public static OwnerId Ids { get; } = new(OwnerKind.Ids, 1);

    public static OwnerId Clock { get; } = new(OwnerKind.Clock, 1);

    public static OwnerId Policy { get; } = new(OwnerKind.Policy, 1);

    public OwnerKind Kind => (OwnerKind)(_packed >> KindShift);

    public long Id => (long)(_packed & ((1UL << KindShift) - 1));

    public static OwnerId OfEndpoint(long id) => new(OwnerKind.Endpoint, id);

    public static OwnerId OfService(uint id) => new(OwnerKind.Service, id);

    /// <param name="id">The node's next hop ID.</param>
    public static OwnerId OfRemoteNode(uint id) => new(OwnerKind.RemoteNode, id);

    /// <param name="id">The neighbour's next hop ID.</param>
    public static OwnerId OfNeighbor(uint id) => new(OwnerKind.Neighbor, id);

    public override string ToString() => Kind switch
    {
        OwnerKind.Node => "node",
        OwnerKind.Ids => "high-water mark of IDs",
        OwnerKind.Clock => "clock",
        OwnerKind.Policy => "network policy",
        OwnerKind.RemoteNode => $"remote node {Id}",
        OwnerKind.Neighbor => $"neighbor {Id}",
        _ => $"{Kind} {Id}",
    };
}
