namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>The state of the policy watch, for <c>ctl status</c>.</summary>
/// <param name="Synced">Whether everything from the first complete lists is in effect.</param>
/// <param name="Namespaces">Namespaces known; 0 while there is no policy.</param>
/// <param name="Pods">Pods known; 0 while there is no policy.</param>
/// <param name="NetworkPolicies">NetworkPolicies known.</param>
/// <param name="ClusterPolicies">ClusterNetworkPolicies known.</param>
/// <param name="Nodes">Nodes known; 0 while no policy asks for them.</param>
/// <param name="Pending">Changed objects that were not submitted yet.</param>
/// <param name="NotEnforceable">Policies that are enforced more strictly than written, because a part of them is not known.</param>
/// <param name="Reasons">Why, one line for each policy; at most <see cref="PolicyState.MaxProblems"/>.</param>
/// <param name="Problem">Why the latest state is not in effect; empty if it is.</param>
internal sealed record PolicyWatchStatus(
    bool Synced, int Namespaces, int Pods, int NetworkPolicies, int ClusterPolicies, int Nodes, int Pending, int NotEnforceable,
    IReadOnlyList<string> Reasons, string Problem)
{
    /// <summary>One line about the policies that are not enforceable; empty without any.</summary>
    public string Notice => NotEnforceable switch
    {
        0 => "",
        1 => $"1 policy is not enforceable as written: {Reasons[0]}",
        _ => $"{NotEnforceable} policies are not enforceable as written: {string.Join("; ", Reasons)}",
    };
}
