using ACCOffload.InfraManager.Control.Flows;
using ACCOffload.InfraManager.State.Policy.Evaluation;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Policy;

/// <summary>
/// Judges live flows by two models, with the reference evaluator, as the pipeline does (docs/programming.md, "What is judged"): the egress
/// of the client's pod on the backend, the ingress of the backend's pod on the client's own address.
/// </summary>
internal sealed class FlowTrial
{
    // Flows of one client to one port are judged alike.
    private const int MaxKnown = 1 << 16;

    private readonly PolicyModel _before;
    private readonly PolicyModel _after;
    private readonly IReadOnlySet<(string Pod, PolicyDirection Direction)> _changed;
    private readonly Dictionary<PolicyAddress, string> _pods = [];
    private readonly Dictionary<(string Pod, PolicyDirection Direction), Judges> _judges = [];
    private readonly Dictionary<(string Pod, PolicyDirection Direction, PolicyPacket Packet), Verdicts> _known = [];

    /// <param name="before">The former policies. Nothing may change either model meanwhile.</param>
    /// <param name="after">The new ones.</param>
    /// <param name="changed">The pods whose policies differ, and in which direction.</param>
    public FlowTrial(PolicyModel before, PolicyModel after, IReadOnlySet<(string Pod, PolicyDirection Direction)> changed)
    {
        (_before, _after, _changed) = (before, after, changed);
        foreach (var (pod, endpoint) in before.Endpoints.Where(e => after.Endpoints.ContainsKey(e.Key)))
        {
            foreach (var address in endpoint.Addresses)
            {
                _pods[address] = pod;
            }
        }

        Untracked = changed.Select(c => c.Pod).Distinct().Count(
            pod => before.Endpoints[pod] is { Ingress.IsUnrestricted: true, Egress.IsUnrestricted: true });
    }

    /// <summary>
    /// The pods with changed policies that no policy selects now. The pipeline does not track all of their flows (docs/programming.md,
    /// "Who began").
    /// </summary>
    public int Untracked { get; }

    /// <summary>What would cut a flow that passes now; null if nothing does, or if it does not pass now.</summary>
    public FlowCut? Judge(LiveFlow flow)
    {
        // What a pod sends to itself without a service is not judged, nor what the node sends to its pods.
        if (flow.IsFromNode || (flow.FrontendId == 0 && flow.Client.Address == flow.Backend.Address))
        {
            return null;
        }

        var egress = flow.IsFromOutside ? null : _pods.GetValueOrDefault(flow.Client.Address);
        var ingress = _pods.GetValueOrDefault(flow.Backend.Address);
        if (!IsChanged(egress, PolicyDirection.Egress) && !IsChanged(ingress, PolicyDirection.Ingress))
        {
            return null;
        }

        var first = Judge(egress, PolicyDirection.Egress, flow, flow.Backend.Address);
        var second = Judge(ingress, PolicyDirection.Ingress, flow, flow.Client.Address);
        if (first is { Before.IsAllowed: false } || second is { Before.IsAllowed: false })
        {
            return null;
        }

        return first is { After.IsAllowed: false } ? new FlowCut(egress!, PolicyDirection.Egress, first.Before.Rule, first.After.Rule)
            : second is { After.IsAllowed: false } ? new FlowCut(ingress!, PolicyDirection.Ingress, second.Before.Rule, second.After.Rule)
            : null;
    }

    private bool IsChanged(string? pod, PolicyDirection direction) => pod is not null && _changed.Contains((pod, direction));

    private Verdicts? Judge(string? pod, PolicyDirection direction, LiveFlow flow, PolicyAddress peer)
    {
        if (pod is null)
        {
            return null;
        }

        var packet = new PolicyPacket(peer, flow.Protocol, flow.PolicyPort);
        if (_known.TryGetValue((pod, direction, packet), out var verdicts))
        {
            return verdicts;
        }

        if (!_judges.TryGetValue((pod, direction), out var judges))
        {
            judges = new Judges(
                new EndpointEvaluator(_before, _before.Endpoints[pod], direction),
                new EndpointEvaluator(_after, _after.Endpoints[pod], direction));
            _judges.Add((pod, direction), judges);
        }

        if (_known.Count == MaxKnown)
        {
            _known.Clear();
        }

        verdicts = new Verdicts(judges.Before.Judge(packet), judges.After.Judge(packet));
        _known.Add((pod, direction, packet), verdicts);
        return verdicts;
    }

    private sealed record Judges(EndpointEvaluator Before, EndpointEvaluator After);

    private sealed record Verdicts(PolicyVerdict Before, PolicyVerdict After);
}
