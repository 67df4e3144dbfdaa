using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Evaluation;

/// <summary>
/// The reference evaluator for many packets of one endpoint in one direction: what does not depend on the packet is looked up once. The
/// model must not change meanwhile.
/// </summary>
internal sealed class EndpointEvaluator
{
    private readonly PolicyModel _model;
    private readonly EndpointPolicy _endpoint;
    private readonly PolicyDirection _direction;
    private readonly bool _isOpen;

    // Why everything is denied; empty if it is not.
    private readonly string _closed;
    private readonly List<(TierPolicies Tier, List<PolicyRule> Rules)> _enforced = [];

    // With the staged policies; null if there are none, so that they would drop nothing.
    private readonly List<(TierPolicies Tier, List<PolicyRule> Rules)>? _staged;

    public EndpointEvaluator(PolicyModel model, EndpointPolicy endpoint, PolicyDirection direction)
    {
        (_model, _endpoint, _direction) = (model, endpoint, direction);
        var policy = endpoint.Of(direction);
        _isOpen = policy.IsOpen;
        _closed = !endpoint.IsActive ? EndpointPolicy.InactiveRule
            : model.MissingReference(endpoint) is not null ? EndpointPolicy.UnresolvedRule
            : "";
        if (_closed.Length == 0)
        {
            _enforced = Tiers(withStaged: false);
            _staged = policy.Tiers.Any(t => t.Policies.Any(id => model.Policies[id].IsStaged)) ? Tiers(withStaged: true) : null;
        }
    }

    public PolicyVerdict Judge(PolicyPacket packet)
    {
        if (_closed.Length > 0)
        {
            return new PolicyVerdict(false, _closed, false);
        }

        PolicyAddress? own = _endpoint.Addresses.Any(a => a.IsIpv4 == packet.Peer.IsIpv4)
            ? _endpoint.Addresses.First(a => a.IsIpv4 == packet.Peer.IsIpv4)
            : null;
        var evaluation = new RuleEvaluation(_model, own, _direction, packet);
        var verdict = Judge(_enforced, 0, _isOpen, evaluation, isLogged: false);
        if (verdict.IsAllowed && _staged is not null)
        {
            var staged = Judge(_staged, 0, _isOpen, evaluation, isLogged: false);
            verdict = verdict with { WouldDrop = staged.IsAllowed ? "" : staged.Rule };
        }

        return verdict;
    }

    private List<(TierPolicies Tier, List<PolicyRule> Rules)> Tiers(bool withStaged) =>
    [
        .. _endpoint.Of(_direction).Tiers
            .Select(t => (Tier: t, Policies: t.Policies.Select(id => _model.Policies[id])
                .Where(p => withStaged || !p.IsStaged).ToList()))
            .Where(t => t.Policies.Count > 0)
            .Select(t => (t.Tier, t.Policies.SelectMany(p => p.Of(_direction)).ToList())),
    ];

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
