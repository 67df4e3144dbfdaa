using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>What is left to write, in this order.</summary>
/// <param name="Removals">Deletes of rows whose owners are gone, or that nobody ever wanted: they make room.</param>
/// <param name="Changes">Inserts and modifies.</param>
/// <param name="Superseded">
/// Deletes of rows whose owner changed and goes on: late, so that a change that is refused takes nothing from what was there.
/// </param>
/// <param name="Openings">
/// Ways to pods, where backends are among what is superseded: last, so that nothing that was on its way to a pod reaches the next one with
/// its address.
/// </param>
internal sealed record TablePlan(List<EntryUpdate> Removals, List<EntryUpdate> Changes, List<EntryUpdate> Superseded,
    List<EntryUpdate> Openings)
{
    public bool IsEmpty => Removals.Count == 0 && Changes.Count == 0 && Superseded.Count == 0 && Openings.Count == 0;

    public IEnumerable<EntryUpdate> All => Removals.Concat(Changes).Concat(Superseded).Concat(Openings);

    /// <summary>Takes the changes that are asked for out of the plan.</summary>
    public List<EntryUpdate> TakeChanges(Predicate<EntryUpdate> which)
    {
        var taken = Changes.FindAll(which);
        if (taken.Count > 0)
        {
            Changes.RemoveAll(which);
        }

        return taken;
    }

    /// <summary>Leaves the ways to pods for last where backends are superseded.</summary>
    public void DeferPodRoutes(TableOrder order)
    {
        if (!Superseded.Exists(u => order.IsBackends(u.Entry.Table)))
        {
            return;
        }

        Openings.AddRange(Changes.Where(IsWayToPod));
        Changes.RemoveAll(IsWayToPod);

        bool IsWayToPod(EntryUpdate update) => order.IsWayToPod(update.Entry.Table);
    }
}
