namespace ACCOffload.InfraManager.RuleCounters;

/// <summary>What the rules of one policy have decided about, in packets.</summary>
/// <param name="Policy">Its name; empty for the defaults, which belong to none.</param>
/// <param name="Allowed">Packets that passed.</param>
/// <param name="Denied">Packets that were dropped.</param>
/// <param name="WouldDrop">Packets that the policy, which is staged, would have dropped.</param>
internal sealed record PolicyTotal(string Policy, long Allowed, long Denied, long WouldDrop)
{
    /// <summary>By policy, the busiest first.</summary>
    public static List<PolicyTotal> Of(RuleTally tally)
    {
        var totals = new Dictionary<string, PolicyTotal>(StringComparer.Ordinal);
        foreach (var total in tally.Rules.Totals)
        {
            var known = Find(total);
            totals[known.Policy] = total.Key.IsAllowed
                ? known with { Allowed = known.Allowed + total.Packets }
                : known with { Denied = known.Denied + total.Packets };
        }

        foreach (var total in tally.Staged.Totals)
        {
            var known = Find(total);
            totals[known.Policy] = known with { WouldDrop = known.WouldDrop + total.Packets };
        }

        return [.. totals.Values.OrderByDescending(t => t.Allowed + t.Denied + t.WouldDrop).ThenBy(t => t.Policy, StringComparer.Ordinal)];

        PolicyTotal Find(RuleTotal total) =>
            totals.GetValueOrDefault(total.Rule.Policy) ?? new PolicyTotal(total.Rule.Policy, 0, 0, 0);
    }
}
