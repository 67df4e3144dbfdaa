using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>A policy or profile of Felix in the model.</summary>
/// <param name="Rules">Its rules; null if it cannot be read, as if it did not exist.</param>
/// <param name="Problem">What of it cannot be enforced; null for nothing.</param>
/// <param name="Length">Length of its message in bytes.</param>
internal sealed record FelixPolicy(PolicyRules? Rules, string? Problem, int Length)
{
    public static FelixPolicy Of(FelixPolicyUpdate update)
    {
        if (update.Ingress is null || update.Egress is null)
        {
            return new FelixPolicy(null, "it cannot be read: endpoints with it keep their former policy", update.Length);
        }

        string? problem = null;
        return new FelixPolicy(
            new PolicyRules(Rules(update.Ingress, PolicyDirection.Ingress), Rules(update.Egress, PolicyDirection.Egress))
            {
                IsStaged = update.Id.IsStaged,
            },
            problem,
            update.Length);

        Values.SequenceOf<PolicyRule> Rules(IReadOnlyList<FelixRule> rules, PolicyDirection direction)
        {
            var ofDirection = direction == PolicyDirection.Ingress ? "ingress" : "egress";
            var translated = new PolicyRule[rules.Count];
            for (var i = 0; i < rules.Count; i++)
            {
                (translated[i], var wrong) = FelixRuleTranslator.Translate(rules[i], direction, $"{update.Id.Name} {ofDirection}[{i}]");
                problem ??= wrong is null ? null : $"{ofDirection}[{i}]: {wrong}";
            }

            return [.. translated];
        }
    }
}
