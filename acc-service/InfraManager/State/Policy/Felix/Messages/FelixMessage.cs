namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>A message from Felix, as far as it concerns policy.</summary>
internal abstract record FelixMessage
{
    /// <summary>Felix's number for the message, from 0 in each process; 0 if the field is absent.</summary>
    public ulong Sequence { get; init; }

    /// <summary>Length of the message in bytes.</summary>
    public int Length { get; init; }

    /// <summary>Whether anything follows from it. Most of what Felix sends at a start, such as routes, has no effect here.</summary>
    public bool HasEffect => this is not FelixIgnored { Problem: "" };
}

/// <summary>All of the datastore has been sent. Once in a process's life.</summary>
internal sealed record FelixInSync : FelixMessage;

/// <summary>An IP set with all of its members.</summary>
internal sealed record FelixSetUpdate(string Id, FelixSetKind Kind, FelixMembers Members) : FelixMessage;

/// <summary>Members of an IP set that come and go.</summary>
internal sealed record FelixSetDelta(string Id, FelixMembers Added, FelixMembers Removed) : FelixMessage;

/// <summary>An IP set that is no longer used. Its members are not removed one by one before.</summary>
internal sealed record FelixSetRemove(string Id) : FelixMessage;

/// <summary>A policy or profile.</summary>
/// <param name="Id">Its identity.</param>
/// <param name="Ingress">Its rules for incoming flows; null if the policy cannot be read.</param>
/// <param name="Egress">Its rules for outgoing flows; null if the policy cannot be read.</param>
internal sealed record FelixPolicyUpdate(
    FelixPolicyId Id, IReadOnlyList<FelixRule>? Ingress, IReadOnlyList<FelixRule>? Egress) : FelixMessage;

/// <summary>A policy or profile that no local endpoint uses any more.</summary>
internal sealed record FelixPolicyRemove(FelixPolicyId Id) : FelixMessage;

/// <summary>A workload endpoint of this node.</summary>
internal sealed record FelixEndpointUpdate(FelixEndpointId Id, FelixEndpoint Endpoint) : FelixMessage;

/// <summary>A workload endpoint that has gone.</summary>
internal sealed record FelixEndpointRemove(FelixEndpointId Id) : FelixMessage;

/// <summary>A host endpoint that came, changed or went. These are not enforced here.</summary>
internal sealed record FelixHostEndpoint(string Id, bool IsRemoved) : FelixMessage;

/// <summary>A message that has no effect here, such as a route.</summary>
/// <param name="Field">The field of ToDataplane; 0 for none.</param>
/// <param name="Problem">Why a message that should have an effect has none; otherwise empty.</param>
internal sealed record FelixIgnored(int Field, string Problem = "") : FelixMessage;
