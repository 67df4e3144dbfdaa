using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Evaluation;

/// <summary>
/// The reference: what the policies say about one packet, by reading them from the first tier to the last. It is slow and knows nothing of
/// classes and tables, so that the tables can be checked against it.
/// </summary>
internal static class PolicyEvaluator
{
    public static PolicyVerdict Judge(PolicyModel model, EndpointPolicy endpoint, PolicyDirection direction, PolicyPacket packet)
    {
        if (!endpoint.IsActive)
        {
            return new PolicyVerdict(false, EndpointPolicy.InactiveRule, false);
        }

        if (model.MissingReference(endpoint) is not null)
        {
            return new PolicyVerdict(false, EndpointPolicy.UnresolvedRule, false);
        }

        PolicyAddress? own = endpoint.Addresses.Any(a => a.IsIpv4 == packet.Peer.IsIpv4)
            ? endpoint.Addresses.First(a => a.IsIpv4 == packet.Peer.IsIpv4)
            : null;
        var evaluation = new RuleEvaluation(model, own, direction, packet);
        var policy = endpoint.Of(direction);
        var verdict = Judge(Tiers(withStaged: false), 0, policy.IsOpen, evaluation, isLogged: false);
        if (verdict.IsAllowed)
        {
            var staged = Judge(Tiers(withStaged: true), 0, policy.IsOpen, evaluation, isLogged: false);
            verdict = verdict with { WouldDrop = staged.IsAllowed ? "" : staged.Rule };
        }

        return verdict;

        List<(TierPolicies Tier, List<PolicyRule> Rules)> Tiers(bool withStaged) =>
        [
            .. policy.Tiers
                .Select(t => (Tier: t, Policies: t.Policies.Select(id => model.Policies[id])
                    .Where(p => withStaged || !p.IsStaged).ToList()))
                .Where(t => t.Policies.Count > 0)
                .Select(t => (t.Tier, t.Policies.SelectMany(p => p.Of(direction)).ToList())),
        ];
    }

    private static PolicyVerdict Judge(List<(TierPolicies Tier, List<PolicyRule> Rules)> tiers, int from, bool isOpen,
        RuleEvaluation evaluation, bool isLogged)
    {
        if (from == tiers.Count)
        {
            return new PolicyVerdict(isOpen, DirectionPolicy.DefaultRule, isLogged);
        }

        // A pass that may match, because not everything about the peer is known: only what both ways allow is allowed.
        bool? loggedAtDoubtfulPass = null;
        foreach (var rule in tiers[from].Rules)
        {
            var matches = evaluation.Matches(rule.Match);
            if (matches == Certainty.No || (matches == Certainty.Maybe && rule.Action == PolicyAction.Allow))
            {
                continue;
            }

            switch (rule.Action)
            {
                case PolicyAction.Log:
                    isLogged = true;
                    break;
                case PolicyAction.Pass when matches == Certainty.Maybe:
                    loggedAtDoubtfulPass = isLogged;
                    break;
                case PolicyAction.Pass:
                    return Judge(tiers, from + 1, isOpen, evaluation, isLogged);
                case PolicyAction.Allow:
                    return AllowedBy(rule.Name);
                default:
                    return new PolicyVerdict(false, rule.Name, isLogged);
            }
        }

        return tiers[from].Tier.Default switch
        {
            PolicyAction.Pass => Judge(tiers, from + 1, isOpen, evaluation, isLogged),
            PolicyAction.Allow => AllowedBy(tiers[from].Tier.DefaultRule),
            _ => new PolicyVerdict(false, tiers[from].Tier.DefaultRule, isLogged),
        };

        PolicyVerdict AllowedBy(string rule)
        {
            var allowed = new PolicyVerdict(true, rule, isLogged);
            if (loggedAtDoubtfulPass is not { } logged)
            {
                return allowed;
            }

            var passed = Judge(tiers, from + 1, isOpen, evaluation, logged);
            return passed.IsAllowed ? allowed : passed;
        }
    }
}
