using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>The updates that are left to write, in this order.</summary>
/// <param name="Removals">Deletes of rows whose owners are gone, or that nobody wanted: they free space.</param>
/// <param name="Changes">Inserts and modifies.</param>
/// <param name="Superseded">Deletes of rows whose owner changed and continues, and of action profile members: late, so that a refused
/// change takes nothing away, and no group that remains lists a deleted member.</param>
/// <param name="Deferred">Routes to pods, if backends are superseded, and deletes of holds: last, so that packets for a former pod never
/// reach the next one with its address.</param>
internal sealed record TablePlan(List<EntryUpdate> Removals, List<EntryUpdate> Changes, List<EntryUpdate> Superseded,
    List<EntryUpdate> Deferred)
{
    public bool IsEmpty => Removals.Count == 0 && Changes.Count == 0 && Superseded.Count == 0 && Deferred.Count == 0;

    public IEnumerable<EntryUpdate> All => Removals.Concat(Changes).Concat(Superseded).Concat(Deferred);

    /// <summary>Removes the matching changes from the plan and returns them.</summary>
    public List<EntryUpdate> TakeChanges(Predicate<EntryUpdate> which)
    {
        var taken = Changes.FindAll(which);
        if (taken.Count > 0)
        {
            Changes.RemoveAll(which);
        }

        return taken;
    }

    /// <summary>Defers routes to pods if backends are superseded.</summary>
    public void DeferPodRoutes(TableOrder order)
    {
        if (!Superseded.Exists(u => order.IsBackendTable(u.Entry.Table)))
        {
            return;
        }

        Deferred.AddRange(Changes.Where(IsPodRoute));
        Changes.RemoveAll(IsPodRoute);

        bool IsPodRoute(EntryUpdate update) => order.IsPodRoute(update.Entry.Table);
    }
}
