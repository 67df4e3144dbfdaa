using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>Reports, as events on a policy of the cluster, what of it this node does not enforce as written.</summary>
/// <param name="record">Records an event.</param>
internal sealed class PolicyEvents(Action<ClusterEvent> record)
{
    private const string Action = "Program";

    /// <summary>Reports the problem of a policy without waiting. Other kinds have no event.</summary>
    public void Report(PolicyResource policy)
    {
        if (ApiVersionOf(policy.Key.Kind) is not { } apiVersion)
        {
            return;
        }

        var regarding = new ObjectReference(apiVersion, policy.Key.Kind.ToString(), policy.Name.Namespace, policy.Name.Name, policy.Uid);
        record(policy.IsUnreadable
            ? new ClusterEvent(regarding, IsWarning: true, "PolicyNotRead", Action, $"{policy.Problem}; {Closed(policy.Key.Kind)}")
            : new ClusterEvent(
                regarding, IsWarning: true, "PolicyPartlyEnforced", Action,
                $"{policy.Problem}; this part accepts nothing, or denies everything"));
    }

    private static string? ApiVersionOf(PolicyObjectKind kind) => kind switch
    {
        PolicyObjectKind.NetworkPolicy => "networking.k8s.io/v1",
        PolicyObjectKind.ClusterNetworkPolicy => "policy.networking.k8s.io/v1alpha2",
        _ => null,
    };

    private static string Closed(PolicyObjectKind kind) => kind == PolicyObjectKind.NetworkPolicy
        ? "until it can be read, it isolates every pod of its namespace and allows nothing"
        : "until it can be read, it denies all traffic of every pod at its place in the order";
}
