namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// The order in which rows of longest-prefix tables change, so that each address or port goes from its former row to its new one in one
/// step: what comes is written from the longest prefix to the shortest, then what stays changes, then what goes is removed from the
/// shortest to the longest. An exact row is the longest.
/// </summary>
internal static class PointOrder
{
    public static void Sort(List<RowChange> changes)
    {
        var sorted = changes.OrderBy(c => c.Kind)
            .ThenBy(c => c.Kind switch
            {
                RowChangeKind.Insert => -Length(c.Row),
                RowChangeKind.Modify => 0,
                _ => Length(c.Row),
            }).ToList();
        changes.Clear();
        changes.AddRange(sorted);
    }

    private static int Length(PolicyRow row) => row switch
    {
        NetRow net => net.Net.Length,
        PortRangeRow range => range.Length,
        _ => int.MaxValue,
    };
}
