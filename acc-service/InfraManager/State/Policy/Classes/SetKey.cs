using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A policy as it was when a set was compiled.</summary>
internal readonly record struct PolicyVersion(string Id, long Version);

/// <summary>A tier of a <see cref="SetKey"/>.</summary>
internal sealed record TierKey(string Name, PolicyAction Default, SequenceOf<PolicyVersion> Policies);

/// <summary>Everything that a set's rows depend on. Equal keys share a set.</summary>
/// <param name="Direction">The direction.</param>
/// <param name="Tiers">The policies, in order.</param>
/// <param name="IsOpen">What happens after the last tier.</param>
/// <param name="Closed">Why the endpoint drops everything; otherwise empty.</param>
/// <param name="Own">What the rules say about the endpoint itself: one for each rule that asks.</param>
/// <param name="NamedPorts">The ports in the named-port sets that the rules ask for on egress.</param>
internal sealed record SetKey(PolicyDirection Direction, SequenceOf<TierKey> Tiers, bool IsOpen, string Closed, SequenceOf<OwnFacts> Own,
    SequenceOf<NamedPort> NamedPorts);
