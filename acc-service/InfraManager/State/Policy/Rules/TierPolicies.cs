using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>
/// A tier as one endpoint sees it in one direction. A tier whose policies are all staged is skipped, with its default action. Felix's
/// profiles are a last tier of this kind, whose default is Deny.
/// </summary>
/// <param name="Name">Such as <c>Admin</c>.</param>
/// <param name="Default">What happens when no rule matches; anything but Allow and Pass denies.</param>
/// <param name="Policies">The IDs of the policies that select the endpoint, in order.</param>
internal sealed record TierPolicies(string Name, PolicyAction Default, SequenceOf<string> Policies)
{
    /// <summary>The name of the decision when no rule matches.</summary>
    public string DefaultRule => $"tier {Name} default";
}
