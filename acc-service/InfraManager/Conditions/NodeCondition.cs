using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Conditions;

/// <summary>Whether the node's addresses and pod ranges are known and agree with the configuration.</summary>
internal static class NodeCondition
{
    /// <param name="node">The node's settings in effect.</param>
    /// <param name="problem">Why the cluster's latest values are not in effect; empty if they are.</param>
    public static Condition Of(NodeSettings node, string problem)
    {
        if (node.PodRanges.Count == 0)
        {
            return Condition.Blocking(
                ConditionNames.Node,
                problem.Length > 0 ? problem : $"the cluster has given node {node.Name} no pod ranges (spec.podCIDRs)");
        }

        return problem.Length > 0 ? Condition.Unmet(ConditionNames.Node, problem) : Condition.Met(ConditionNames.Node);
    }
}
