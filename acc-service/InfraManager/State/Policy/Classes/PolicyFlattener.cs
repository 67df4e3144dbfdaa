using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>Turns the policies of one direction of an endpoint into tests of atoms and ports, and retains the atoms.</summary>
internal sealed class PolicyFlattener(PolicyModel model, AtomTable atoms, NamedPortIndex namedPorts, RuleNames names)
{
    /// <summary>The policy of an endpoint that drops everything.</summary>
    public FlatPolicy Closed(string reason) => new([], false, names.Of(reason));

    public FlatPolicy Flatten(EndpointPolicy endpoint, PolicyDirection direction)
    {
        var policy = endpoint.Of(direction);
        var tiers = new List<FlatTier>();
        var flat = new FlatPolicy(tiers, policy.IsOpen, names.Of(DirectionPolicy.DefaultRule));
        foreach (var tier in policy.Tiers.Where(t => t.Policies.Count > 0))
        {
            var policies = tier.Policies.Select(id => model.Policies[id]).ToList();
            var rules = new List<FlatRule>();
            foreach (var rulesOfPolicy in policies)
            {
                foreach (var rule in rulesOfPolicy.Of(direction))
                {
                    var own = OwnFacts.Of(rule.Match, direction, model, endpoint);
                    if (own.IpVersions is not null)
                    {
                        rules.Add(Flatten(rule, rulesOfPolicy.IsStaged, own, direction, flat));
                    }
                }
            }

            tiers.Add(new FlatTier(tier.Default, names.Of(tier.DefaultRule), policies.Any(p => !p.IsStaged), rules));
        }

        return flat;
    }

    private FlatRule Flatten(PolicyRule rule, bool isStaged, OwnFacts own, PolicyDirection direction, FlatPolicy flat)
    {
        var match = rule.Match;
        var asksNames = match.NamedPorts.Count > 0;
        var ports = Ports(match.Protocol, match.Ports).ToArray();
        var result = new FlatRule
        {
            Action = rule.Action,
            Name = names.Of(rule.Name),
            IsStaged = isStaged,
            IsUndecidable = match.IsUndecidable,
            Named = asksNames ? Named(match.NamedPorts, own.Named, direction, flat) : null,
            OrPorts = asksNames ? ports : [],
            NotNamed = match.NotNamedPorts.Count > 0 ? Named(match.NotNamedPorts, own.NotNamed, direction, flat) : null,
        };

        AddVersion(match.IpVersion);
        AddVersion(own.IpVersions ?? 0);
        AddPeer(match.Peer);
        if (match.Ports.Count > 0 && !asksNames)
        {
            result.PortTests.Add(ports);
        }
        else if (match.Protocol is { } protocol)
        {
            result.PortTests.Add([PortTest.All(protocol)]);
        }

        if (match.NotProtocol is { } notProtocol)
        {
            result.NotPortTests.Add(PortTest.All(notProtocol));
        }

        result.NotPortTests.AddRange(Ports(match.Protocol, match.NotPorts));
        if (match.Icmp is { } icmp)
        {
            result.PortTests.Add(Icmp(icmp));
        }

        if (match.NotIcmp is { } notIcmp)
        {
            result.NotPortTests.AddRange(Icmp(notIcmp));
        }

        flat.PortTests.UnionWith(result.PortTests.SelectMany(t => t));
        flat.PortTests.UnionWith(result.NotPortTests);
        flat.PortTests.UnionWith(result.OrPorts);
        return result;

        void AddVersion(byte version)
        {
            if (version != 0)
            {
                result.Peer.Add([Use(AtomKey.OfNet(version == 4 ? PolicyNet.AllIpv4 : PolicyNet.AllIpv6), flat)]);
            }
        }

        void AddPeer(AddressMatch peer)
        {
            if (peer.Nets.Count > 0)
            {
                result.Peer.Add([.. peer.Nets.Select(n => Use(AtomKey.OfNet(n), flat))]);
            }

            result.NotPeer.AddRange(peer.NotNets.Select(n => Use(AtomKey.OfNet(n), flat)));
            foreach (var set in peer.AllOf)
            {
                result.Peer.Add([Use(AtomKey.OfSet(set), flat)]);
            }

            if (peer.AnyOf.Count > 0)
            {
                result.Peer.Add([.. peer.AnyOf.Select(s => Use(AtomKey.OfSet(s), flat))]);
            }

            result.NotPeer.AddRange(peer.NoneOf.Select(s => Use(AtomKey.OfSet(s), flat)));
        }
    }

    private NamedTests Named(SequenceOf<string> sets, SequenceOf<OwnPort> own, PolicyDirection direction, FlatPolicy flat)
    {
        var pairs = new List<(Atom? Atom, PortTest Port)>();
        if (direction == PolicyDirection.Ingress)
        {
            foreach (var port in own)
            {
                var atom = port.IpVersion switch
                {
                    4 => Use(AtomKey.OfNet(PolicyNet.AllIpv4), flat),
                    6 => Use(AtomKey.OfNet(PolicyNet.AllIpv6), flat),
                    _ => null,
                };
                pairs.Add((atom, new PortTest(port.Protocol, port.Port, port.Port)));
            }

            flat.PortTests.UnionWith(pairs.Select(p => p.Port));
            return new NamedTests(pairs, MayBeUnknown: false);
        }

        foreach (var port in sets.SelectMany(namedPorts.Of))
        {
            pairs.Add((Use(AtomKey.OfNamedPort(port), flat), new PortTest(port.Protocol, port.Port, port.Port)));
        }

        Use(AtomKey.Unknown, flat);
        flat.PortTests.UnionWith(pairs.Select(p => p.Port));
        return new NamedTests(pairs, MayBeUnknown: true);
    }

    private Atom Use(AtomKey key, FlatPolicy flat)
    {
        var atom = atoms.Find(key);
        if (atom is null || !flat.Atoms.ContainsKey(atom.Id))
        {
            atom = atoms.Retain(key);
            flat.Atoms.Add(atom.Id, atom);
        }

        if (atom.MayBeUnknown && key.Kind != AtomKind.Unknown)
        {
            Use(AtomKey.Unknown, flat);
        }

        return atom;
    }

    private static IEnumerable<PortTest> Ports(byte? protocol, SequenceOf<PortSpan> spans)
    {
        IEnumerable<byte> protocols = protocol is { } one ? IpProtocol.HasPorts(one) ? [one] : [] : IpProtocol.WithPorts;
        return protocols.SelectMany(p => spans.Select(s => new PortTest(p, s.First, s.Last)));
    }

    private static PortTest[] Icmp(IcmpMatch match) =>
    [
        new PortTest(IpProtocol.Icmp, match.Span.First, match.Span.Last),
        new PortTest(IpProtocol.Icmpv6, match.Span.First, match.Span.Last),
    ];
}
