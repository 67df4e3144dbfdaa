using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>Peer classes, and the rows of <c>peers</c> and <c>nets</c>.</summary>
internal sealed class PeerClassifier(PolicyModel model, AtomTable atoms, uint firstNumber)
{
    private readonly NetIndex _nets = new();
    private readonly Dictionary<SequenceOf<int>, PeerClass> _classes = new() { [[]] = new PeerClass(0, []) };
    private readonly Dictionary<PolicyAddress, PeerClass> _rows = [];
    private uint _next = firstNumber;

    /// <summary>All classes; that of addresses without an atom, with number 0, included.</summary>
    public IReadOnlyCollection<PeerClass> Classes => _classes.Values;

    public IEnumerable<PolicyRow> Rows =>
        _rows.Select(r => (PolicyRow)new PeerRow(r.Key, r.Value.Number))
            .Concat(_nets.Cells.Where(c => c.Value.Class is not null && !c.Key.IsHost)
                .Select(c => new NetRow(c.Key, c.Value.Class!.Number)));

    /// <summary>The class of an address, as its rows say: 0 without one.</summary>
    public uint ClassOf(PolicyAddress address)
    {
        if (_rows.TryGetValue(address, out var exact))
        {
            return exact.Number;
        }

        uint longest = 0;
        foreach (var (net, cell) in _nets.Around(PolicyNet.Host(address)))
        {
            longest = !net.IsHost && cell.Class is { } peerClass ? peerClass.Number : longest;
        }

        return longest;
    }

    /// <summary>New atoms split classes. No set in force uses them yet, so the parts of a class are judged alike.</summary>
    public PeerMoves Add(IReadOnlyCollection<Atom> created)
    {
        foreach (var atom in created)
        {
            atom.Nets = NetsOf(atom.Key);
            foreach (var net in atom.Nets)
            {
                _nets.Add(net, atom.Id);
            }
        }

        return Repoint(MembersOf(created), [.. created.SelectMany(a => a.Nets)], isAlike: true);
    }

    /// <summary>Atoms that no set uses any more: classes that differ in nothing else become one.</summary>
    public PeerMoves Remove(IReadOnlyCollection<Atom> removed)
    {
        foreach (var atom in removed)
        {
            foreach (var net in atom.Nets)
            {
                _nets.Remove(net, atom.Id);
            }
        }

        var ids = removed.Select(a => a.Id).ToHashSet();
        foreach (var peerClass in _classes.Values.Where(c => c.Atoms.Any(ids.Contains)).OrderBy(c => c.Number).ToList())
        {
            SequenceOf<int> rest = [.. peerClass.Atoms.Where(a => !ids.Contains(a))];
            if (!_classes.ContainsKey(rest))
            {
                Rename(peerClass, rest);
            }
        }

        return Repoint(MembersOf(removed), [.. removed.SelectMany(a => a.Nets)], isAlike: false);
    }

    /// <summary>The sets of one address have changed.</summary>
    public PeerMoves Move(PolicyAddress address) => Repoint([address], [], isAlike: false);

    /// <summary>The blocks of a set, or the pod ranges, have changed.</summary>
    public PeerMoves MoveNets(Atom atom)
    {
        var nets = NetsOf(atom.Key);
        var removed = atom.Nets.Except(nets).ToList();
        var added = nets.Except(atom.Nets).ToList();
        removed.ForEach(n => _nets.Remove(n, atom.Id));
        added.ForEach(n => _nets.Add(n, atom.Id));
        atom.Nets = nets;
        return Repoint([], [.. removed, .. added], isAlike: false);
    }

    private HashSet<PolicyNet> NetsOf(AtomKey key) => key.Kind switch
    {
        AtomKind.Unknown => [.. model.PodRanges],
        AtomKind.Net => [key.Net],
        AtomKind.Set when model.Sets.TryGetValue(key.Set, out var nets) => [.. nets],
        _ => [],
    };

    private IEnumerable<PolicyAddress> MembersOf(IReadOnlyCollection<Atom> changed)
    {
        var sets = changed.Where(a => a.Key.Kind == AtomKind.Set).Select(a => a.Key.Set).ToHashSet(StringComparer.Ordinal);
        var ports = changed.Where(a => a.Key.Kind == AtomKind.NamedPort)
            .Select(a => new NamedPort(a.Key.Set, a.Key.Protocol, a.Key.Port)).ToHashSet();
        return sets.Count == 0 && ports.Count == 0
            ? []
            : model.Peers.Groups
                .Where(g => g.Membership.Sets.Any(sets.Contains) || g.Membership.NamedPorts.Any(ports.Contains))
                .SelectMany(g => g.Addresses);
    }

    /// <summary>Gives addresses and blocks the classes that they now belong to.</summary>
    /// <param name="addresses">Those that may be concerned, beside those in the blocks.</param>
    /// <param name="nets">Blocks that came, went, or have other atoms.</param>
    /// <param name="isAlike">Sets in force judge the old and the new class alike, so one that moves whole keeps its number.</param>
    private PeerMoves Repoint(IEnumerable<PolicyAddress> addresses, HashSet<PolicyNet> nets, bool isAlike)
    {
        var points = new List<PeerPoint>();
        var concerned = addresses.ToHashSet();
        if (nets.Count > 0)
        {
            concerned.UnionWith(nets.Where(n => n.IsHost).Select(n => n.First));
            concerned.UnionWith(model.Peers.Addresses.Where(a => IsIn(PolicyNet.Host(a))));
            foreach (var (net, cell) in _nets.Cells.Where(c => IsIn(c.Key)).ToList())
            {
                if (_nets.RemoveUnused(net))
                {
                    if (cell.Class is not null)
                    {
                        points.Add(new PeerPoint(net, cell.Class, null));
                    }
                }
                else
                {
                    cell.Atoms = [.. _nets.Around(net).SelectMany(c => c.Cell.Own).Distinct().Order()];
                    if (net.IsHost)
                    {
                        concerned.Add(net.First);
                    }
                    else
                    {
                        points.Add(new PeerPoint(net, cell.Class, cell.Atoms));
                    }
                }
            }
        }

        var byGroup = new Dictionary<PeerGroup, int[]>();
        foreach (var address in concerned)
        {
            points.Add(new PeerPoint(PolicyNet.Host(address), _rows.GetValueOrDefault(address), AtomsOf(address, byGroup)));
        }

        return Write(points, isAlike);

        bool IsIn(PolicyNet net) => _nets.Around(net).Any(c => nets.Contains(c.Net));
    }

    /// <summary>The atoms of an address; null if its block's row says the same, so that it needs no row.</summary>
    private SequenceOf<int>? AtomsOf(PolicyAddress address, Dictionary<PeerGroup, int[]> byGroup)
    {
        NetCell? host = null, block = null;
        foreach (var (net, cell) in _nets.Around(PolicyNet.Host(address)))
        {
            (host, block) = net.IsHost ? (cell, block) : (host, cell);
        }

        var around = (host ?? block)?.Atoms ?? [];
        var all = around;
        if (model.Peers.TryFind(address, out var group))
        {
            if (!byGroup.TryGetValue(group, out var own))
            {
                byGroup.Add(group, own = [.. AtomsOf(group.Membership)]);
            }

            var unknown = atoms.Find(AtomKey.Unknown)?.Id;
            all = [.. around.Where(a => a != unknown).Concat(own).Distinct().Order()];
        }

        return all == (block?.Atoms ?? []) ? null : all;
    }

    private IEnumerable<int> AtomsOf(PeerMembership membership)
    {
        foreach (var set in membership.Sets)
        {
            if (atoms.Find(AtomKey.OfSet(set)) is { } atom)
            {
                yield return atom.Id;
            }
        }

        foreach (var port in membership.NamedPorts)
        {
            if (atoms.Find(AtomKey.OfNamedPort(port)) is { } atom)
            {
                yield return atom.Id;
            }
        }
    }

    private PeerMoves Write(List<PeerPoint> points, bool isAlike)
    {
        var moves = new PeerMoves();
        if (isAlike)
        {
            RenameWhole(points);
        }

        var left = new HashSet<PeerClass>();
        foreach (var point in points)
        {
            var next = point.Atoms is { } signature ? Intern(signature, moves) : null;
            if (next == point.Former)
            {
                continue;
            }

            moves.Points.Add(
                point.Former is null ? RowChange.Insert(point.Row(next!.Number))
                : next is null ? RowChange.Delete(point.Row(point.Former.Number))
                : RowChange.Modify(point.Row(next.Number)));
            SetClass(point.Net, next);
            if (next is not null)
            {
                next.Rows++;
            }

            if (point.Former is { } former && --former.Rows == 0 && former.Number != 0)
            {
                left.Add(former);
            }
        }

        foreach (var peerClass in left.Where(c => c.Rows == 0))
        {
            _classes.Remove(peerClass.Atoms);
            moves.Dead.Add(peerClass);
        }

        PointOrder.Sort(moves.Points);
        return moves;
    }

    private void RenameWhole(List<PeerPoint> points)
    {
        foreach (var moved in points.Where(p => p.Former is { Number: not 0 }).GroupBy(p => p.Former!).ToList())
        {
            var signature = moved.First().Atoms;
            if (signature is { } atomIds && moved.Count() == moved.Key.Rows && moved.All(p => p.Atoms == signature)
                && !_classes.ContainsKey(atomIds))
            {
                Rename(moved.Key, atomIds);
            }
        }
    }

    private void Rename(PeerClass peerClass, SequenceOf<int> signature)
    {
        _classes.Remove(peerClass.Atoms);
        peerClass.Atoms = signature;
        _classes.Add(signature, peerClass);
    }

    private PeerClass Intern(SequenceOf<int> signature, PeerMoves moves)
    {
        if (!_classes.TryGetValue(signature, out var peerClass))
        {
            _classes.Add(signature, peerClass = new PeerClass(_next++, signature));
            moves.Created.Add(peerClass);
        }

        return peerClass;
    }

    private void SetClass(PolicyNet net, PeerClass? next)
    {
        if (!net.IsHost)
        {
            if (_nets.Find(net) is { } cell)
            {
                cell.Class = next;
            }
        }
        else if (next is null)
        {
            _rows.Remove(net.First);
        }
        else
        {
            _rows[net.First] = next;
        }
    }

    /// <summary>An address or block: the class of its row, null without one, and its atoms, null if it needs no row.</summary>
    private readonly record struct PeerPoint(PolicyNet Net, PeerClass? Former, SequenceOf<int>? Atoms)
    {
        public PolicyRow Row(uint number) => Net.IsHost ? new PeerRow(Net.First, number) : new NetRow(Net, number);
    }
}
