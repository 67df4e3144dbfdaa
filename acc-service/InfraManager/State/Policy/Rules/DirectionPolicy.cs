using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>What applies to an endpoint in one direction.</summary>
/// <param name="Tiers">In order. The first that decides does so for good.</param>
/// <param name="IsOpen">What happens after the last tier: true allows (Kubernetes), false denies (Felix).</param>
internal sealed record DirectionPolicy(SequenceOf<TierPolicies> Tiers, bool IsOpen)
{
    /// <summary>The name of the decision when all tiers pass.</summary>
    public const string DefaultRule = "default";

    /// <summary>Nothing restricts the endpoint in this direction.</summary>
    public static DirectionPolicy Open { get; } = new([], true);

    /// <summary>Whether nothing can be denied, logged or counted, so that no packet has to be judged.</summary>
    public bool IsUnrestricted => IsOpen && Tiers.All(t => t.Policies.Count == 0);
}
