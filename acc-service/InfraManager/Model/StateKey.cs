namespace ACCOffload.InfraManager.Model;

/// <summary>What can change in the model; each names one durable row, or its absence.</summary>
internal enum StateKind
{
    Endpoint,
    SyncFloor,
    Tombstone,
    PortRemoval,
    Service,

    /// <summary>The last number given out to services; there is one such piece.</summary>
    LastServiceNumber,

    /// <summary>What is masqueraded; there is one such piece.</summary>
    Snat,
}

/// <summary>One piece of durable state by its name. <see cref="Name"/> is the id, key or name that the kind is keyed by.</summary>
internal readonly record struct StateKey(StateKind Kind, object Name);

/// <summary>Names the newest Sync of a node's API, for one network or (empty) for all.</summary>
internal readonly record struct FloorKey(string Node, string Network);

/// <summary>That an attachment was removed by a request with this stamp: an older Attach that arrives late is refused.</summary>
internal sealed record Tombstone(EndpointAddress Address, string Node, RequestStamp Stamp);
