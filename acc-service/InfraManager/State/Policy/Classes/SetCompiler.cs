using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// Works out what a <see cref="FlatPolicy"/> says about peers of one class, for each port class: from the last tier to the first, from the
/// last rule to the first.
/// </summary>
internal sealed class SetCompiler(FlatPolicy policy, AtomTable atoms, PortClassifier ports, bool countsAll)
{
    private readonly int _unknown = atoms.Find(AtomKey.Unknown)?.Id ?? -1;
    private readonly List<(uint Number, HashSet<PortTest> Tests)> _ports = [.. ports.Classes.Select(c => (c.Number, c.Tests.ToHashSet()))];
    private readonly bool _hasStaged = policy.Tiers.Any(t => t.Rules.Any(r => r.IsStaged) || !t.HasEnforced);
    private readonly Dictionary<SequenceOf<int>, GroupFunction> _known = [];
    private Dictionary<FlatRule, bool[]>? _matches;

    /// <summary>Atoms that the policy does not ask for make no difference.</summary>
    public GroupFunction Judge(SequenceOf<int> peerAtoms)
    {
        SequenceOf<int> asked = [.. peerAtoms.Where(policy.Atoms.ContainsKey)];
        if (!_known.TryGetValue(asked, out var function))
        {
            _known.Add(asked, function = Compute([.. asked]));
        }

        return function;
    }

    private GroupFunction Compute(HashSet<int> peer)
    {
        _matches ??= policy.Tiers.SelectMany(t => t.Rules).ToDictionary(r => r, PortMatches);
        var certainty = policy.Tiers.SelectMany(t => t.Rules).ToDictionary(r => r, r => PeerMatches(r, peer));
        var verdicts = new Dictionary<uint, RowVerdict>();
        for (var i = 0; i < _ports.Count; i++)
        {
            var verdict = Decide(i, peer, certainty, withStaged: false);
            if (_hasStaged && verdict.IsAllowed && Decide(i, peer, certainty, withStaged: true) is { IsAllowed: false } staged)
            {
                verdict = verdict with { WouldDrop = staged.Rule };
            }

            verdicts.Add(_ports[i].Number, verdict);
        }

        return GroupFunction.Of(verdicts, countsAll);
    }

    private RowVerdict Decide(int port, HashSet<int> peer, Dictionary<FlatRule, Certainty> certainty, bool withStaged)
    {
        var next = new RowVerdict(policy.IsOpen, policy.DefaultName, false, 0);
        foreach (var tier in policy.Tiers.Reverse().Where(t => withStaged || t.HasEnforced))
        {
            var result = tier.Default switch
            {
                PolicyAction.Pass => next,
                PolicyAction.Allow => new RowVerdict(true, tier.DefaultName, false, 0),
                _ => new RowVerdict(false, tier.DefaultName, false, 0),
            };
            for (var i = tier.Rules.Count - 1; i >= 0; i--)
            {
                var rule = tier.Rules[i];
                if ((rule.IsStaged && !withStaged) || certainty[rule] == Certainty.No || !_matches![rule][port])
                {
                    continue;
                }

                var matches = Min(certainty[rule], NamedMatches(rule, port, peer));
                if (matches != Certainty.No)
                {
                    result = After(rule, matches, result, next);
                }
            }

            next = result;
        }

        return next;
    }

    private static RowVerdict After(FlatRule rule, Certainty matches, RowVerdict otherwise, RowVerdict nextTier) => rule.Action switch
    {
        PolicyAction.Log => otherwise with { IsLogged = true },
        PolicyAction.Allow => matches == Certainty.Yes ? new RowVerdict(true, rule.Name, false, 0) : otherwise,
        PolicyAction.Pass when matches == Certainty.Yes => nextTier,
        // It may match or not: only what both ways allow is allowed.
        PolicyAction.Pass => otherwise.IsAllowed && !nextTier.IsAllowed ? nextTier : otherwise,
        _ => new RowVerdict(false, rule.Name, false, 0),
    };

    private Certainty PeerMatches(FlatRule rule, HashSet<int> peer)
    {
        var result = rule.IsUndecidable ? Certainty.Maybe : Certainty.Yes;
        foreach (var anyOf in rule.Peer)
        {
            result = Min(result, anyOf.Max(a => Holds(a, peer)));
        }

        foreach (var atom in rule.NotPeer)
        {
            result = Min(result, Not(Holds(atom, peer)));
        }

        return result;
    }

    // Named ports are left out: they depend on the peer, too.
    private bool[] PortMatches(FlatRule rule) =>
        [.. _ports.Select(p => rule.PortTests.All(any => any.Any(p.Tests.Contains)) && !rule.NotPortTests.Any(p.Tests.Contains))];

    private Certainty NamedMatches(FlatRule rule, int port, HashSet<int> peer)
    {
        var result = Certainty.Yes;
        var tests = _ports[port].Tests;
        if (rule.Named is { } named && !rule.OrPorts.Any(tests.Contains))
        {
            result = Holds(named);
        }

        return rule.NotNamed is { } notNamed ? Min(result, Not(Holds(notNamed))) : result;

        Certainty Holds(NamedTests any) =>
            any.Pairs.Any(p => tests.Contains(p.Port) && (p.Atom is null || peer.Contains(p.Atom.Id))) ? Certainty.Yes
            : any.MayBeUnknown && peer.Contains(_unknown) ? Certainty.Maybe
            : Certainty.No;
    }

    private Certainty Holds(Atom atom, HashSet<int> peer) =>
        peer.Contains(atom.Id) ? Certainty.Yes
        : atom.MayBeUnknown && peer.Contains(_unknown) ? Certainty.Maybe
        : Certainty.No;

    private static Certainty Min(Certainty left, Certainty right) => left < right ? left : right;

    private static Certainty Not(Certainty value) => Certainty.Yes - (int)value;
}
