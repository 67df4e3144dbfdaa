using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A tier of a <see cref="FlatPolicy"/>.</summary>
/// <param name="Default">What happens when no rule matches.</param>
/// <param name="DefaultName">The number of its name.</param>
/// <param name="HasEnforced">Whether a policy of the tier is not staged; otherwise it only counts what it would drop.</param>
/// <param name="Rules">Of all policies, in order.</param>
internal sealed record FlatTier(PolicyAction Default, uint DefaultName, bool HasEnforced, IReadOnlyList<FlatRule> Rules);
