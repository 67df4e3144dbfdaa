using ACCOffload.InfraManager.Programming;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>
/// Which other nodes' pods cannot be reached. This is a notice and no condition: it concerns those nodes, and a node that has just joined
/// has no pod range yet.
/// </summary>
internal static class NodesNotice
{
    private const int MaxNames = 3;

    /// <param name="nodes">The cluster's other nodes.</param>
    /// <param name="problem">Why the latest routes are not in effect; empty if they are.</param>
    public static string Of(IEnumerable<RemoteNodeView> nodes, string problem)
    {
        if (problem.Length > 0)
        {
            return $"the latest routes to other nodes are not in effect: {problem}";
        }

        var unreachable = nodes.Where(n => n.Problem.Length > 0).OrderBy(n => n.Node.Name, StringComparer.Ordinal).ToList();
        if (unreachable.Count == 0)
        {
            return "";
        }

        var named = string.Join("; ", unreachable.Take(MaxNames).Select(n => $"{n.Node.Name}: {n.Problem}"));
        var more = unreachable.Count > MaxNames ? $"; and {unreachable.Count - MaxNames} more" : "";
        return $"pods of {unreachable.Count} other nodes cannot be reached (ctl nodes): {named}{more}";
    }
}
