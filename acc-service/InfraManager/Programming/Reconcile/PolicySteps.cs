using ACCOffload.InfraManager.State.Policy.Classes;

namespace ACCOffload.InfraManager.Programming.Reconcile;

/// <summary>
/// Divides a change of policy into steps that are written one after the other. Within a step the order is free, since a target may reorder
/// the updates of a Write. Prefixes of different lengths may contain each other, so each length is a step of its own.
/// </summary>
internal static class PolicySteps
{
    public static List<List<RowChange>> Split(IReadOnlyList<RowChange> changes)
    {
        var steps = new List<List<RowChange>>();
        object? last = null;
        foreach (var change in changes)
        {
            var kind = KindOf(change);
            if (!kind.Equals(last))
            {
                steps.Add([]);
                last = kind;
            }

            steps[^1].Add(change);
        }

        return steps;
    }

    private static (string Kind, int Length) KindOf(RowChange change) => change.Row switch
    {
        VerdictRow or GroupRow => (change.Kind == RowChangeKind.Delete ? "removed" : "added", 0),
        NetRow net => ("nets", net.Net.Length),
        PortRangeRow range => ("ranges", range.Length),
        BindingRow => ("bindings", 0),
        _ => ("points", 0),
    };
}
