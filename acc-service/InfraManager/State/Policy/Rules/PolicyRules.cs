using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>A policy: its rules for each direction, the first of which that matches decides.</summary>
internal sealed record PolicyRules(SequenceOf<PolicyRule> Ingress, SequenceOf<PolicyRule> Egress)
{
    /// <summary>Never enforced: packets that it would drop are only counted.</summary>
    public bool IsStaged { get; init; }

    public SequenceOf<PolicyRule> Of(PolicyDirection direction) => direction == PolicyDirection.Ingress ? Ingress : Egress;
}
