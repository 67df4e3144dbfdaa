namespace ACCOffload.InfraManager.State;

/// <summary>What can change in the model; each names one durable row, or its absence.</summary>
internal enum StateKind
{
    Endpoint,
    Agent,
    Tombstone,
    PortRemoval,
    Service,

    /// <summary>The last number given out to services; there is one such piece.</summary>
    LastServiceNumber,

    /// <summary>The last number for services that was given while the target's mark was known; there is one such piece at most.</summary>
    TrustedServiceNumber,

    /// <summary>What is masqueraded; there is one such piece.</summary>
    Snat,
}

/// <summary>One piece of durable state by its name. <see cref="Name"/> is the id, key or name that the kind is keyed by.</summary>
internal readonly record struct StateKey(StateKind Kind, object Name);

/// <summary>What is known of a node's agent.</summary>
/// <param name="Epoch">The epoch that was handed out last; only requests of this epoch are taken. 0: none was yet.</param>
/// <param name="Sequence">The number of the newest Sync within the epoch.</param>
/// <param name="Name">The process that has the epoch, as it calls itself; empty after the operator ended it.</param>
internal sealed record AgentState(ulong Epoch, ulong Sequence, string Name)
{
    public static AgentState None { get; } = new(0, 0, "");

    /// <summary>What is older than this is refused.</summary>
    public RequestStamp Floor => new(Epoch, Sequence);
}

/// <summary>That an attachment was removed by a request with this stamp: an older Attach that arrives late is refused.</summary>
internal sealed record Tombstone(EndpointAddress Address, string Node, RequestStamp Stamp);
