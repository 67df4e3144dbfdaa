using ACCOffload.InfraManager.State.Policy.Classes;
using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Single changes, as the tests make them.</summary>
internal static class KubernetesPolicyChanges
{
    public static IReadOnlyList<RowChange> SetNamespace(this KubernetesPolicies policies, string name, NamespaceRecord? record) =>
        policies.Set([(new PolicyObjectKey(PolicyObjectKind.Namespace, name), record)]);

    public static IReadOnlyList<RowChange> SetPod(this KubernetesPolicies policies, string key, PodRecord? pod) =>
        policies.Set([(new PolicyObjectKey(PolicyObjectKind.Pod, key), pod)]);

    public static IReadOnlyList<RowChange> SetNode(this KubernetesPolicies policies, string name, NodeRecord? node) =>
        policies.Set([(new PolicyObjectKey(PolicyObjectKind.Node, name), node)]);

    public static IReadOnlyList<RowChange> SetNetworkPolicy(this KubernetesPolicies policies, string key, NetworkPolicyRecord? policy) =>
        policies.Set([(new PolicyObjectKey(PolicyObjectKind.NetworkPolicy, key), policy)]);

    public static IReadOnlyList<RowChange> SetClusterPolicy(this KubernetesPolicies policies, string name, ClusterPolicyRecord? policy) =>
        policies.Set([(new PolicyObjectKey(PolicyObjectKind.ClusterNetworkPolicy, name), policy)]);
}
