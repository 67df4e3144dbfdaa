using System.Globalization;
using System.Text;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Points;

/// <summary>
/// What the rules of one direction of an endpoint ask about the other end. Addresses with the same answers are judged alike, so the slow
/// evaluator has to judge only one of them.
/// </summary>
internal sealed class AskedFacts
{
    private readonly PolicyModel _model;
    private readonly List<PolicyNet> _nets = [];
    private readonly List<string> _sets = [];
    private readonly HashSet<string> _namedPorts = new(StringComparer.Ordinal);

    /// <param name="model">The policies and sets.</param>
    /// <param name="policy">The policies of the endpoint.</param>
    /// <param name="direction">Their direction.</param>
    public AskedFacts(PolicyModel model, DirectionPolicy policy, PolicyDirection direction)
    {
        _model = model;
        var nets = new HashSet<PolicyNet>();
        var sets = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rule in RulesOf(model, policy, direction))
        {
            nets.UnionWith(rule.Match.Peer.Nets);
            nets.UnionWith(rule.Match.Peer.NotNets);
            sets.UnionWith(rule.Match.Peer.Sets);
            AsksOwn |= OwnFacts.AreAsked(rule.Match, direction);
            AsksOwnNets |= rule.Match.Own.Nets.Count > 0 || rule.Match.Own.NotNets.Count > 0;
            if (direction == PolicyDirection.Egress)
            {
                _namedPorts.UnionWith(rule.Match.NamedPorts);
                _namedPorts.UnionWith(rule.Match.NotNamedPorts);
            }
        }

        _nets.AddRange(nets);
        _sets.AddRange(sets);
    }

    /// <summary>Whether a rule asks for the endpoint's own address, its sets or its ports.</summary>
    public bool AsksOwn { get; }

    /// <summary>Whether a rule asks for blocks with the endpoint's own address.</summary>
    public bool AsksOwnNets { get; }

    /// <summary>Equal for addresses with the same answers.</summary>
    public string Of(PolicyAddress address)
    {
        var text = new StringBuilder();
        text.Append(address.IsIpv4 ? '4' : '6').Append(_model.IsKnown(address) ? 'k' : 'u');
        foreach (var net in _nets)
        {
            text.Append(net.Contains(address) ? '1' : '0');
        }

        _model.Peers.TryFind(address, out var group);
        foreach (var set in _sets)
        {
            text.Append(IsMember(set, address, group) ? '1' : '0');
        }

        if (group is not null && _namedPorts.Count > 0)
        {
            foreach (var port in group.Membership.NamedPorts)
            {
                if (_namedPorts.Contains(port.Set))
                {
                    text.Append(CultureInfo.InvariantCulture, $" {port.Set}={port.Protocol}/{port.Port}");
                }
            }
        }

        return text.ToString();
    }

    /// <summary>The rules of one direction of an endpoint, staged ones included.</summary>
    private static IEnumerable<PolicyRule> RulesOf(PolicyModel model, DirectionPolicy policy, PolicyDirection direction)
    {
        foreach (var tier in policy.Tiers)
        {
            foreach (var id in tier.Policies)
            {
                if (!model.Policies.TryGetValue(id, out var rules))
                {
                    continue;
                }

                foreach (var rule in rules.Of(direction))
                {
                    yield return rule;
                }
            }
        }
    }

    private bool IsMember(string set, PolicyAddress address, PeerGroup? group)
    {
        if (group is not null && group.Membership.Sets.Contains(set))
        {
            return true;
        }

        if (_model.Sets.TryGetValue(set, out var nets))
        {
            foreach (var net in nets)
            {
                if (net.Contains(address))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
