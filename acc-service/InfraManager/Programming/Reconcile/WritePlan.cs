using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// Orders updates into Writes. A target may reorder the updates within one Write, so dependent updates go into later ones: deletes from the
/// last table to the first, then inserts and modifies from the first table to the last.
/// </summary>
internal static class WritePlan
{
    public static List<ReadOnlyMemory<EntryUpdate>> Order(List<EntryUpdate> updates, TableOrder order, int maxUpdates)
    {
        var writes = new List<ReadOnlyMemory<EntryUpdate>>();
        if (updates.Count == 0)
        {
            return writes;
        }

        var steps = new SortedDictionary<int, List<EntryUpdate>>();
        foreach (var update in updates)
        {
            var step = update.Kind == UpdateKind.Delete ? -1 - order.Of(update.Entry.Table) : order.Of(update);
            if (!steps.TryGetValue(step, out var same))
            {
                steps.Add(step, same = []);
            }

            same.Add(update);
        }

        foreach (var step in steps.Values)
        {
            EntryUpdate[] all = [.. step];
            for (var start = 0; start < all.Length; start += maxUpdates)
            {
                writes.Add(all.AsMemory(start, Math.Min(maxUpdates, all.Length - start)));
            }
        }

        return writes;
    }
}
