namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>The identity of a policy or profile.</summary>
/// <param name="Name">
/// Unique, as operators see it: "GlobalNetworkPolicy security.dns", "policy prod/default.web", "profile kns.prod".
/// </param>
/// <param name="IsStaged">It is shown and counted, and never enforced.</param>
internal readonly record struct FelixPolicyId(string Name, bool IsStaged)
{
    private const string Staged = "staged:";

    /// <summary>A policy of Felix up to 3.31, whose name says whether it is staged.</summary>
    /// <param name="name">Such as "security.dns", "prod/default.web", "prod/staged:default.web".</param>
    public static FelixPolicyId Of(string name) => new(
        $"policy {name}", name.AsSpan(name.LastIndexOf('/') + 1).StartsWith(Staged, StringComparison.Ordinal));

    /// <summary>A policy of Felix from 3.32 on.</summary>
    /// <param name="kind">The kind of resource, such as "NetworkPolicy" or "StagedGlobalNetworkPolicy".</param>
    /// <param name="space">Its namespace; empty for none.</param>
    /// <param name="name">Its name, with the tier in front.</param>
    public static FelixPolicyId Of(string kind, string space, string name) => new(
        space.Length == 0 ? $"{kind} {name}" : $"{kind} {space}/{name}", kind.StartsWith("Staged", StringComparison.Ordinal));

    public static FelixPolicyId OfProfile(string name) => new($"profile {name}", false);

    public override string ToString() => Name;
}
