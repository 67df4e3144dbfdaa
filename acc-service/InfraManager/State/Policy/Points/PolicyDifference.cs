using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>
/// Finds the packets that two models judge differently, by the reference evaluator, over addresses and ports that stand for all others.
/// </summary>
internal sealed class PolicyDifference
{
    private readonly PolicyModel _before;
    private readonly PolicyModel _after;
    private readonly List<PeerSample> _peers;
    private readonly List<PortSample> _ports;
    private readonly CancellationToken _cancellationToken;
    private readonly List<PolicyEffect> _effects = [];
    private readonly HashSet<(string Endpoint, PolicyDirection Direction)> _changed = [];

    /// <param name="before">The former policies. Nothing may change either model meanwhile.</param>
    /// <param name="after">The new ones.</param>
    /// <param name="cancellationToken">Ends the comparison.</param>
    public PolicyDifference(PolicyModel before, PolicyModel after, CancellationToken cancellationToken)
    {
        (_before, _after, _cancellationToken) = (before, after, cancellationToken);
        _peers = PeerSamples.Of([before, after], null, cancellationToken);
        _ports = PortSamples.Of([before, after], null);
    }

    /// <summary>The endpoints whose policies differ at all.</summary>
    public int Endpoints { get; private set; }

    /// <summary>The endpoints whose policies differ, and in which direction.</summary>
    public IReadOnlySet<(string Endpoint, PolicyDirection Direction)> Changed => _changed;

    /// <summary>The points that were compared.</summary>
    public long Points { get; private set; }

    public IReadOnlyList<PolicyEffect> Effects => _effects;

    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public void Compare()
    {
        foreach (var (id, former) in _before.Endpoints)
        {
            if (!_after.Endpoints.TryGetValue(id, out var next))
            {
                continue;
            }

            var isChanged = false;
            foreach (var direction in (ReadOnlySpan<PolicyDirection>)[PolicyDirection.Ingress, PolicyDirection.Egress])
            {
                if (!IsSame(former.Of(direction), next.Of(direction), direction))
                {
                    isChanged = true;
                    _changed.Add((id, direction));
                    Compare(id, former, next, direction);
                }
            }

            Endpoints += isChanged ? 1 : 0;
        }
    }

    /// <summary>Whether the rules are the same, whatever the IDs of the policies.</summary>
    private bool IsSame(DirectionPolicy before, DirectionPolicy after, PolicyDirection direction)
    {
        if (before.IsOpen != after.IsOpen || before.Tiers.Count != after.Tiers.Count)
        {
            return false;
        }

        for (var i = 0; i < before.Tiers.Count; i++)
        {
            var (former, next) = (before.Tiers[i], after.Tiers[i]);
            if (former.Name != next.Name || former.Default != next.Default || former.Policies.Count != next.Policies.Count)
            {
                return false;
            }

            for (var k = 0; k < former.Policies.Count; k++)
            {
                var (old, now) = (_before.Policies[former.Policies[k]], _after.Policies[next.Policies[k]]);
                if (old.IsStaged != now.IsStaged || old.Of(direction) != now.Of(direction))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private void Compare(string id, EndpointPolicy before, EndpointPolicy after, PolicyDirection direction)
    {
        var formerFacts = new AskedFacts(_before, before.Of(direction), direction);
        var nextFacts = new AskedFacts(_after, after.Of(direction), direction);
        var formerEvaluator = new EndpointEvaluator(_before, before, direction);
        var nextEvaluator = new EndpointEvaluator(_after, after, direction);
        var known = new Dictionary<string, List<Change>>(StringComparer.Ordinal);
        var effects = new Dictionary<string, PolicyEffect>(StringComparer.Ordinal);
        foreach (var peer in _peers)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            if (!before.HasFamily(peer.Address) || before.Addresses.Contains(peer.Address))
            {
                continue;
            }

            Points += _ports.Count;
            var facts = $"{formerFacts.Of(peer.Address)}|{nextFacts.Of(peer.Address)}";
            if (!known.TryGetValue(facts, out var changes))
            {
                known.Add(facts, changes = []);
                foreach (var port in _ports)
                {
                    var packet = new PolicyPacket(peer.Address, port.Protocol, port.Port);
                    var former = formerEvaluator.Judge(packet);
                    var next = nextEvaluator.Judge(packet);
                    if (former.IsAllowed != next.IsAllowed)
                    {
                        // The names of rules have no line breaks.
                        var rules = $"{next.IsAllowed}\n{former.Rule}\n{next.Rule}";
                        if (!effects.TryGetValue(rules, out var effect))
                        {
                            effects.Add(rules, effect = new PolicyEffect(id, direction, former, next));
                            _effects.Add(effect);
                        }

                        changes.Add(new Change(effect, port));
                    }
                }
            }

            foreach (var change in changes)
            {
                change.Effect.Peers.Add(peer);
                change.Effect.Ports.Add(change.Port);
            }
        }
    }

    /// <summary>A port whose verdict changes for peers of one kind.</summary>
    private sealed record Change(PolicyEffect Effect, PortSample Port);
}
