using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>The policies of one local endpoint.</summary>
/// <param name="Addresses">Its own addresses, at most one of each family.</param>
/// <param name="Ingress">What applies to flows that it accepts.</param>
/// <param name="Egress">What applies to flows that it begins.</param>
internal sealed record EndpointPolicy(SequenceOf<PolicyAddress> Addresses, DirectionPolicy Ingress, DirectionPolicy Egress)
{
    /// <summary>The name of the decision for an endpoint that is not active.</summary>
    public const string InactiveRule = "endpoint is not active";

    /// <summary>The name of the decision for an endpoint whose policies are not all known.</summary>
    public const string UnresolvedRule = "policy is not known";

    /// <summary>An endpoint that is not active drops everything.</summary>
    public bool IsActive { get; init; } = true;

    /// <summary>Whether it has an address of the same family, and so may have packets with that one.</summary>
    public bool HasFamily(PolicyAddress address)
    {
        foreach (var own in Addresses)
        {
            if (own.IsIpv4 == address.IsIpv4)
            {
                return true;
            }
        }

        return false;
    }

    public DirectionPolicy Of(PolicyDirection direction) => direction == PolicyDirection.Ingress ? Ingress : Egress;
}
