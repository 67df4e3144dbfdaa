using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Felix;

/// <summary>
/// Turns a rule of Felix into one of the model. What the data plane cannot decide, and values that are not valid, make the rule
/// undecidable: an allow does not match then, a deny does. A rule that cannot be read denies.
/// </summary>
internal sealed class FelixRuleTranslator
{
    private string? _problem;

    private FelixRuleTranslator(string? problem) => _problem = problem;

    /// <param name="rule">The rule.</param>
    /// <param name="direction">Whether the source (ingress) or the destination (egress) is the peer.</param>
    /// <param name="name">The name that operators see.</param>
    /// <returns>The rule, and what of it cannot be enforced; null for nothing.</returns>
    public static (PolicyRule Rule, string? Problem) Translate(FelixRule rule, PolicyDirection direction, string name)
    {
        if (rule.IsMalformed)
        {
            return (new PolicyRule(name, PolicyAction.Unknown, RuleMatch.Any), "it cannot be read, so it denies");
        }

        var action = FelixActions.OfRule(rule.Action);
        var translator = new FelixRuleTranslator(rule.Undecidable);
        var match = translator.Match(rule, direction);
        var problem = translator._problem is { } undecidable
            ? $"{undecidable} cannot be decided: an allow does not match, a deny does"
            : action == PolicyAction.Unknown ? $"the action \"{FelixText.Shown(rule.Action)}\" is not known, so it denies" : null;
        return (new PolicyRule(name, action, match), problem);
    }

    private RuleMatch Match(FelixRule rule, PolicyDirection direction)
    {
        var (source, destination) = (Address(rule.Source), Address(rule.Destination));
        var isIngress = direction == PolicyDirection.Ingress;
        var protocol = Protocol(rule.Protocol);
        var match = new RuleMatch
        {
            IpVersion = Version(rule.IpVersion),
            Protocol = protocol,
            NotProtocol = Protocol(rule.NotProtocol),
            Peer = isIngress ? source : destination,
            Own = isIngress ? destination : source,
            Icmp = Icmp(rule.Icmp),
            NotIcmp = Icmp(rule.NotIcmp),
        };

        return WithPorts(match, rule, protocol) with { IsUndecidable = _problem is not null };
    }

    private RuleMatch WithPorts(RuleMatch match, FelixRule rule, byte? protocol)
    {
        if (protocol is { } number && !IpProtocol.HasPorts(number)
            && (rule.Ports.Count | rule.NotPorts.Count | rule.NamedPorts.Count | rule.NotNamedPorts.Count | rule.ServicePorts.Count) > 0)
        {
            _problem ??= $"ports of protocol {number}";
            return match;
        }

        // A set of a Service is a condition beside the ports; the model has one list.
        if (rule.ServicePorts.Count > 1 || (rule.ServicePorts.Count == 1 && rule.Ports.Count + rule.NamedPorts.Count > 0))
        {
            _problem ??= "ports of several Services";
            return match;
        }

        return match with
        {
            Ports = Ports(rule.Ports),
            NotPorts = Ports(rule.NotPorts),
            NamedPorts = [.. rule.NamedPorts.Concat(rule.ServicePorts).Select(FelixSet.PortsId)],
            NotNamedPorts = [.. rule.NotNamedPorts.Select(FelixSet.PortsId)],
        };
    }

    private AddressMatch Address(FelixSide side) => new()
    {
        Nets = Nets(side.Nets),
        NotNets = Nets(side.NotNets),
        AllOf = [.. side.Sets],
        NoneOf = [.. side.NotSets],
    };

    private SequenceOf<PolicyNet> Nets(List<string> texts)
    {
        var nets = new List<PolicyNet>(texts.Count);
        foreach (var text in texts)
        {
            if (FelixMember.TryParseNet(text, out var net))
            {
                nets.Add(net);
            }
            else
            {
                _problem ??= $"the block \"{FelixText.Shown(text)}\"";
            }
        }

        return [.. nets];
    }

    private SequenceOf<PortSpan> Ports(List<FelixPorts> ports)
    {
        var spans = new List<PortSpan>(ports.Count);
        foreach (var (first, last) in ports)
        {
            if (first is >= 0 and <= ushort.MaxValue && last >= first && last <= ushort.MaxValue)
            {
                spans.Add(new PortSpan((ushort)first, (ushort)last));
            }
            else
            {
                _problem ??= $"the ports {first}-{last}";
            }
        }

        return [.. spans];
    }

    private IcmpMatch? Icmp(FelixIcmp? icmp)
    {
        if (icmp is not { } given)
        {
            return null;
        }

        if (given.Type is >= 0 and <= byte.MaxValue && given.Code is null or (>= 0 and <= byte.MaxValue))
        {
            return new IcmpMatch((byte)given.Type, (byte?)given.Code);
        }

        _problem ??= $"ICMP type {given.Type}, code {given.Code}";
        return null;
    }

    private byte? Protocol(FelixProtocol? protocol)
    {
        if (protocol is not { } given)
        {
            return null;
        }

        var number = given.ToNumber();
        if (number is null)
        {
            _problem ??= $"the protocol \"{FelixText.Shown(given.ToString())}\"";
        }

        return number;
    }

    private byte Version(int version)
    {
        if (version is 0 or 4 or 6)
        {
            return (byte)version;
        }

        _problem ??= $"the IP version {version}";
        return 0;
    }
}
