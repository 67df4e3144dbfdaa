using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>Felix's names of actions, without case: rules have them in lower case, tiers with a capital.</summary>
internal static class FelixActions
{
    /// <summary>The action of a rule. One that is not known denies.</summary>
    public static PolicyAction OfRule(string name) =>
        Is(name, "allow") ? PolicyAction.Allow
        : Is(name, "deny") ? PolicyAction.Deny
        : Is(name, "pass") || Is(name, "next-tier") ? PolicyAction.Pass
        : Is(name, "log") ? PolicyAction.Log
        : PolicyAction.Unknown;

    /// <summary>The default action of a tier. Empty, as up to 3.28, and what is not known denies.</summary>
    public static PolicyAction OfTier(string name) => Is(name, "pass") ? PolicyAction.Pass : PolicyAction.Deny;

    private static bool Is(string name, string known) => name.Equals(known, StringComparison.OrdinalIgnoreCase);
}
