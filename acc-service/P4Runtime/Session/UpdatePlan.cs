using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.P4Runtime.Session;

/// <summary>Splits updates into successive Writes, since a target may reorder the updates inside one.</summary>
public static class UpdatePlan
{
    /// <summary>
    /// Inserts by ascending rank of their table, then modifies, then deletes by descending rank; no part mixes ranks or kinds, and none is
    /// larger than <paramref name="maxUpdates"/>. The order within a rank is kept. Each key should occur once.
    /// </summary>
    public static IReadOnlyList<ReadOnlyMemory<EntryUpdate>> Split(IReadOnlyList<EntryUpdate> updates, Func<TableSchema, int> rank, int maxUpdates)
    {
        ArgumentNullException.ThrowIfNull(updates);
        ArgumentNullException.ThrowIfNull(rank);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxUpdates, 1);
        var groups = new SortedDictionary<(int Phase, int Rank), List<EntryUpdate>>();
        foreach (var update in updates)
        {
            var key = update.Kind switch
            {
                UpdateKind.Insert => (0, rank(update.Entry.Table)),
                UpdateKind.Modify => (1, 0),
                _ => (2, -rank(update.Entry.Table)),
            };
            if (!groups.TryGetValue(key, out var group))
            {
                groups.Add(key, group = []);
            }

            group.Add(update);
        }

        var parts = new List<ReadOnlyMemory<EntryUpdate>>();
        foreach (var group in groups.Values)
        {
            var all = group.ToArray();
            for (var start = 0; start < all.Length; start += maxUpdates)
            {
                parts.Add(all.AsMemory(start, Math.Min(maxUpdates, all.Length - start)));
            }
        }

        return parts;
    }
}
