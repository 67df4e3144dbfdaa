using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Programming;

/// <summary>What is left to write, in this order.</summary>
/// <param name="Removals">Deletes of rows whose owners are gone, or that nobody ever wanted: they make room.</param>
/// <param name="Changes">Inserts and modifies.</param>
/// <param name="Superseded">
/// Deletes of rows whose owner changed and goes on: last, so that a change that is refused takes nothing from what was there.
/// </param>
internal sealed record TablePlan(List<EntryUpdate> Removals, List<EntryUpdate> Changes, List<EntryUpdate> Superseded)
{
    public bool IsEmpty => Removals.Count == 0 && Changes.Count == 0 && Superseded.Count == 0;

    public IEnumerable<EntryUpdate> All => Removals.Concat(Changes).Concat(Superseded);
}
