using ACCOffload.InfraManager.Compile;
using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Programming;

/// <summary>
/// Orders updates into Writes. A target may reorder the updates of one Write, so what depends on something goes into a later one: deletes
/// from the last table to the first, then inserts and modifies from the first table to the last.
/// </summary>
internal static class WritePlan
{
    public static List<ReadOnlyMemory<EntryUpdate>> Order(List<EntryUpdate> updates, int maxUpdates)
    {
        updates.Sort(static (a, b) => Step(a).CompareTo(Step(b)));
        EntryUpdate[] sorted = [.. updates];
        var writes = new List<ReadOnlyMemory<EntryUpdate>>();
        for (int start = 0; start < sorted.Length;)
        {
            int step = Step(sorted[start]);
            int end = start + 1;
            while (end < sorted.Length && end - start < maxUpdates && Step(sorted[end]) == step)
                end++;
            writes.Add(sorted.AsMemory(start, end - start));
            start = end;
        }

        return writes;
    }

    private static int Step(EntryUpdate update)
    {
        int rank = TableRanks.Of(update.Entry.Table);
        return update.Kind == UpdateKind.Delete ? -1 - rank : rank;
    }
}
