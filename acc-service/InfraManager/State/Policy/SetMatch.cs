using System.Globalization;
using System.Text;
using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy;

/// <summary>
/// Finds the target's numbers of sets that no endpoint on the target is bound to yet, as those of a pod that is about to start: by what the
/// rows say. Of sets that say the same, each may have any of their numbers.
/// </summary>
internal static class SetMatch
{
    /// <param name="target">What the target has.</param>
    /// <param name="compiler">What it should have.</param>
    /// <param name="peers">The target's numbers of the compiler's peer classes.</param>
    /// <param name="ports">The target's numbers of the compiler's port classes.</param>
    /// <param name="known">The sets that are matched already.</param>
    public static IEnumerable<(uint Set, uint Found)> Find(
        PolicyTargetRows target, PolicyCompiler compiler, Dictionary<uint, uint> peers, Dictionary<uint, uint> ports,
        Dictionary<uint, uint> known)
    {
        var open = compiler.Sets.Where(s => !known.ContainsKey(s.Number)).ToList();
        if (open.Count == 0)
        {
            yield break;
        }

        var candidates = Candidates(target, known.Values.ToHashSet());
        foreach (var set in open)
        {
            if (ContentOf(set, peers, ports) is { } content && candidates.TryGetValue(content, out var numbers)
                && numbers.TryDequeue(out var found))
            {
                yield return (set.Number, found);
            }
        }
    }

    private static Dictionary<string, Queue<uint>> Candidates(PolicyTargetRows target, HashSet<uint> taken)
    {
        var result = new Dictionary<string, Queue<uint>>(StringComparer.Ordinal);
        var bySet = target.Groups.GroupBy(g => (g.Key.Direction, g.Key.Set)).ToList();
        foreach (var set in bySet.Where(s => !taken.Contains(s.Key.Set)))
        {
            Add(Text(set.Key.Direction, CellsOf(set.Key.Set), set.Key.Set,
                set.Select(g => (g.Key.Class, Text(CellsOf(g.Value), g.Value)))), set.Key.Set);
        }

        // A set that says the same about all peers has no row of a group.
        var others = bySet.Select(s => s.Key.Set).Concat(target.Groups.Values).ToHashSet();
        foreach (var group in target.Verdicts.Keys.Where(g => !others.Contains(g) && !taken.Contains(g)))
        {
            Add(Text(null, CellsOf(group), group, []), group);
        }

        return result;

        IEnumerable<KeyValuePair<uint, RowVerdict>> CellsOf(uint group) => target.Verdicts.GetValueOrDefault(group, []);

        void Add(string content, uint number)
        {
            if (!result.TryGetValue(content, out var numbers))
            {
                result.Add(content, numbers = []);
            }

            numbers.Enqueue(number);
        }
    }

    /// <returns>Null if a class has no number on the target.</returns>
    private static string? ContentOf(PolicySet set, Dictionary<uint, uint> peers, Dictionary<uint, uint> ports)
    {
        var groups = set.Groups.Values.Append(set.Own);
        if (set.Groups.Keys.Any(c => !peers.ContainsKey(c))
            || groups.Any(g => g.Function.Cells.Keys.Any(p => p != 0 && !ports.ContainsKey(p))))
        {
            return null;
        }

        return Text(
            set.Groups.Count == 0 ? null : set.Direction, CellsOf(set.Own), set.Number,
            set.Groups.Select(g => (peers[g.Key], Text(CellsOf(g.Value), g.Value.Number))));

        IEnumerable<KeyValuePair<uint, RowVerdict>> CellsOf(PolicyGroup group) => group.Function.Cells
            .Select(c => KeyValuePair.Create(c.Key == 0 ? 0 : ports[c.Key], c.Value with { WouldDrop = 0 }));
    }

    private static string Text(PolicyDirection? direction, IEnumerable<KeyValuePair<uint, RowVerdict>> own, uint number,
        IEnumerable<(uint Class, string Group)> groups)
    {
        var text = new StringBuilder().Append(direction).Append(Text(own, number));
        foreach (var (peerClass, group) in groups.OrderBy(g => g.Class))
        {
            text.Append(CultureInfo.InvariantCulture, $" {peerClass}[{group}]");
        }

        return text.ToString();
    }

    private static string Text(IEnumerable<KeyValuePair<uint, RowVerdict>> cells, uint number)
    {
        var text = new StringBuilder().Append(number & 1);
        foreach (var (portClass, verdict) in cells.OrderBy(c => c.Key))
        {
            text.Append(CultureInfo.InvariantCulture, $" {portClass}:{verdict.IsAllowed}:{verdict.IsLogged}:{verdict.Rule}");
        }

        return text.ToString();
    }
}
