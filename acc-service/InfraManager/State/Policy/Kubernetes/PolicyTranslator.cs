using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>Turns one policy of the Kubernetes API into rules of the model.</summary>
internal sealed class PolicyTranslator
{
    /// <summary>The API's limit for the priority of a ClusterNetworkPolicy, whose lowest is 0.</summary>
    public const int MaxPriority = 1000;

    private readonly List<PodSet> _podSets = [];
    private readonly List<PortNameSet> _portSets = [];
    private readonly List<NodeSet> _nodeSets = [];
    private readonly string _namespace;

    private PolicyTranslator(string ownNamespace) => _namespace = ownNamespace;

    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static TranslatedPolicy Translate(NetworkPolicyRecord policy)
    {
        var translator = new PolicyTranslator(policy.Namespace);
        return translator.Result(Rules(policy.Ingress, "ingress", "from"), Rules(policy.Egress, "egress", "to"));

        IEnumerable<PolicyRule> Rules(SequenceOf<NetworkPolicyRule> rules, string direction, string peers) => rules.SelectMany((rule, i) =>
        {
            var field = $"spec.{direction}[{i}]";
            CheckPorts(rule.Ports, $"{field}.ports");
            for (var p = 0; p < rule.Peers.Count; p++)
            {
                CheckPeer(rule.Peers[p], $"{field}.{peers}[{p}]");
            }

            return translator.Rules($"NetworkPolicy {policy.Key} {direction}[{i}]", PolicyAction.Allow, rule.Peers, rule.Ports);
        });
    }

    /// <exception cref="IntentException">INVALID_ARGUMENT: names the field.</exception>
    public static TranslatedPolicy Translate(ClusterPolicyRecord policy)
    {
        if (policy.Priority is < 0 or > MaxPriority)
        {
            throw IntentException.Invalid("spec.priority", $"is {policy.Priority}, not 0 to {MaxPriority}");
        }

        var translator = new PolicyTranslator("");
        return translator.Result(
            Rules(policy.Ingress, "ingress", isEgress: false), Rules(policy.Egress, "egress", isEgress: true));

        IEnumerable<PolicyRule> Rules(SequenceOf<ClusterPolicyRule> rules, string direction, bool isEgress) => rules.SelectMany((rule, i) =>
        {
            CheckPorts(rule.Ports, $"spec.{direction}[{i}].protocols");
            var name = $"ClusterNetworkPolicy {policy.Name} {direction}[{i}]{(rule.Name.Length > 0 ? " " : "")}{rule.Name}";
            // The API wants a kind of peer that an implementation does not know to fail closed, whatever else the rule says.
            return rule.Peers.Count > 0 && rule.Peers.All(p => IsKnown(p, isEgress))
                ? translator.Rules(name, rule.Action, rule.Peers, rule.Ports)
                : rule.Action == PolicyAction.Allow ? [] : [new PolicyRule(name, PolicyAction.Deny, RuleMatch.Any)];
        });
    }

    private TranslatedPolicy Result(IEnumerable<PolicyRule> ingress, IEnumerable<PolicyRule> egress) =>
        new(new PolicyRules([.. ingress], [.. egress]), [.. _podSets.Distinct()], [.. _portSets.Distinct()],
            [.. _nodeSets.Distinct()]);

    private static bool IsKnown(PolicyPeer peer, bool isEgress) => peer.Nodes is null
        ? peer.HasSelector || peer.Nets.Count > 0
        : isEgress && !peer.HasSelector && peer.Nets.Count == 0;

    private static void CheckPeer(PolicyPeer peer, string field)
    {
        if (peer.HasSelector && peer.Nets.Count > 0)
        {
            throw IntentException.Invalid($"{field}.ipBlock", "excludes selectors");
        }

        if (peer.Nodes is not null)
        {
            throw IntentException.Invalid($"{field}.nodes", "is no peer of a NetworkPolicy");
        }

        if (!peer.HasSelector && peer.Nets.Count == 0)
        {
            throw IntentException.Invalid(field, "has neither a selector nor an ipBlock");
        }
    }

    private static void CheckPorts(SequenceOf<PolicyPort> ports, string field)
    {
        for (var i = 0; i < ports.Count; i++)
        {
            if (ports[i].Protocol is { } protocol && !IpProtocol.HasPorts(protocol))
            {
                throw IntentException.Invalid($"{field}[{i}].protocol", $"is {protocol}, not TCP, UDP or SCTP");
            }

            if (ports[i].EndPort is { } end && (ports[i].Port is not { } first || end < first))
            {
                throw IntentException.Invalid($"{field}[{i}].endPort", "needs a numeric port that is not greater");
            }
        }
    }

    // All rules of one entry have its name and action, so their order does not matter.
    private List<PolicyRule> Rules(string name, PolicyAction action, SequenceOf<PolicyPeer> peers, SequenceOf<PolicyPort> ports)
    {
        var matches = Ports(ports).ToList();
        return [.. Peers(peers).SelectMany(peer => matches.Select(match => new PolicyRule(name, action, match with { Peer = peer })))];
    }

    private List<AddressMatch> Peers(SequenceOf<PolicyPeer> peers)
    {
        if (peers.Count == 0)
        {
            return [AddressMatch.Any];
        }

        var sets = peers.Where(p => p.HasSelector).Select(SetOf).Distinct().ToList();
        _podSets.AddRange(sets);
        var nodes = peers.Where(p => p.Nodes is not null).Select(p => new NodeSet(p.Nodes!)).Distinct().ToList();
        _nodeSets.AddRange(nodes);
        var nets = peers.Where(p => p.Except.Count == 0).SelectMany(p => p.Nets).ToList();
        var matches = peers.Where(p => p.Except.Count > 0).Select(p => new AddressMatch { Nets = p.Nets, NotNets = p.Except }).ToList();
        if (sets.Count + nodes.Count > 0)
        {
            matches.Add(new AddressMatch { AnyOf = [.. sets.Select(s => s.Id).Concat(nodes.Select(n => n.Id))] });
        }

        if (nets.Count > 0)
        {
            matches.Add(new AddressMatch { Nets = [.. nets] });
        }

        return matches;
    }

    private PodSet SetOf(PolicyPeer peer) =>
        new(peer.Namespaces is null ? _namespace : "", peer.Namespaces ?? LabelSelector.All, peer.Pods ?? LabelSelector.All);

    private IEnumerable<RuleMatch> Ports(SequenceOf<PolicyPort> ports)
    {
        if (ports.Count == 0)
        {
            yield return RuleMatch.Any;
        }

        foreach (var protocol in ports.GroupBy(p => p.Protocol))
        {
            if (protocol.Any(p => p.Port is null && p.Name.Length == 0))
            {
                yield return new RuleMatch { Protocol = protocol.Key };
                continue;
            }

            var names = protocol.Where(p => p.Name.Length > 0).Select(p => new PortNameSet(p.Protocol, p.Name)).Distinct().ToList();
            _portSets.AddRange(names);
            yield return new RuleMatch
            {
                Protocol = protocol.Key,
                Ports = [.. protocol.Where(p => p.Port is not null).Select(p => new PortSpan(p.Port!.Value, p.EndPort ?? p.Port!.Value))],
                NamedPorts = [.. names.Select(n => n.Id)],
            };
        }
    }
}
