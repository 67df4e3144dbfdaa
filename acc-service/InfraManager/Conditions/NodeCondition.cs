using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the node's addresses and pod ranges are known and agree with the configuration.</summary>
internal static class NodeCondition
{
    /// <param name="node">The node's settings in effect.</param>
    /// <param name="problem">Why the cluster's latest values are not in effect; empty if they are.</param>
    /// <param name="watch">The watch of the cluster; null for none.</param>
    public static Condition Of(NodeSettings node, string problem, ClusterWatchStatus? watch = null)
    {
        if (problem.Length == 0 && watch?.Kinds.FirstOrDefault(IsRefused) is { } kind)
        {
            problem = $"the cluster's {kind.Kind} objects cannot be read: {kind.LastError}";
        }

        if (node.PodRanges.Count == 0)
        {
            return Condition.Blocking(ConditionNames.Node, problem.Length > 0 ? problem : Missing(node, watch));
        }

        return problem.Length > 0 ? Condition.Unmet(ConditionNames.Node, problem) : Condition.Met(ConditionNames.Node);
    }

    // Services and slices belong to the condition Watch. An error before the first list, such as a missing permission, may be permanent.
    private static bool IsRefused(ReflectorStatus kind) =>
        kind.Kind is not ("Service" or "EndpointSlice") && !kind.Synced && kind.LastError.Length > 0;

    private static string Missing(NodeSettings node, ClusterWatchStatus? watch) => watch?.Kinds.FirstOrDefault(k => k.Kind == "Node") switch
    {
        { Synced: true, Objects: 0 } => $"the cluster has no Node {node.Name}, and Node:PodRanges is not set",
        { Synced: true } => $"the cluster has given node {node.Name} no pod ranges (spec.podCIDRs), and Node:PodRanges is not set",
        _ => "Node:PodRanges is not set, and the Node object has not been read yet",
    };
}
