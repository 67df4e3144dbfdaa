using ACCOffload.InfraManager.Programming.Policy;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>What the numbers in rows of <c>verdicts</c> stand for, at one moment between two changes of policy.</summary>
/// <param name="Revision">Of the policy.</param>
/// <param name="Rules">The rules that were asked for, by number.</param>
/// <param name="WouldDrop">The number of the staged rule that would drop what a row allows, for rows with one.</param>
internal sealed record RuleDirectory(
    long Revision, IReadOnlyDictionary<uint, CountedRule> Rules, IReadOnlyDictionary<VerdictCell, uint> WouldDrop)
{
    private static readonly PolicyDirection[] Directions = [PolicyDirection.Ingress, PolicyDirection.Egress];

    /// <summary>Takes the time of a walk over all rules, and over all verdicts if a policy is staged: some milliseconds.</summary>
    /// <param name="policy">The policy in force.</param>
    /// <param name="numbers">The numbers of the rules to name.</param>
    /// <returns>Null while the target's numbers are not known.</returns>
    public static RuleDirectory? Of(PolicyInForce policy, IReadOnlyCollection<uint> numbers)
    {
        if (!policy.IsReady)
        {
            return null;
        }

        var wouldDrop = StagedCells(policy);
        return new RuleDirectory(policy.Revision, Named(policy.Compiler, [.. numbers, .. wouldDrop.Values]), wouldDrop);
    }

    private static Dictionary<uint, CountedRule> Named(PolicyCompiler compiler, HashSet<uint> numbers)
    {
        var byName = new Dictionary<string, CountedRule>(StringComparer.Ordinal);
        foreach (var number in numbers)
        {
            // A name stays known while this process runs; rows of an earlier one may have others.
            var name = compiler.Rules[number] is { Length: > 0 } known ? known : $"rule {number}, which no longer exists";
            byName.TryAdd(name, CountedRule.OfDefault(name));
        }

        foreach (var (id, policy) in numbers.Count == 0 ? [] : compiler.Model.Policies)
        {
            foreach (var direction in Directions)
            {
                foreach (var rule in policy.Of(direction))
                {
                    if (byName.TryGetValue(rule.Name, out var known) && known.Policy.Length == 0)
                    {
                        byName[rule.Name] = CountedRule.Of(rule.Name, id, direction);
                    }
                }
            }
        }

        var rules = new Dictionary<uint, CountedRule>(numbers.Count);
        foreach (var number in numbers)
        {
            var name = compiler.Rules[number] is { Length: > 0 } known ? known : $"rule {number}, which no longer exists";
            rules.Add(number, byName[name]);
        }

        return rules;
    }

    private static Dictionary<VerdictCell, uint> StagedCells(PolicyInForce policy)
    {
        var cells = new Dictionary<VerdictCell, uint>();
        if (!policy.Compiler.Model.Policies.Values.Any(p => p.IsStaged))
        {
            return cells;
        }

        var numbers = policy.Bindings.Numbers;
        foreach (var group in policy.Compiler.Sets.Select(s => s.Own).Concat(policy.Compiler.Groups))
        {
            foreach (var (portClass, verdict) in group.Function.Cells)
            {
                if (verdict.WouldDrop != 0)
                {
                    cells[new VerdictCell(numbers.Group(group.Number), (ushort)numbers.Port(portClass))] = verdict.WouldDrop;
                }
            }
        }

        return cells;
    }
}
