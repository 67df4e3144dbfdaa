namespace ACCOffload.InfraManager.State.Policy.Kubernetes;

/// <summary>The policies that select a pod, in the order of their tier.</summary>
internal sealed record PodPolicies(
    PodRecord Pod, IReadOnlyList<NetworkPolicyRecord> Network, IReadOnlyList<ClusterPolicyRecord> Cluster)
{
    public IEnumerable<PolicyObjectKey> Keys => Network.Select(p => p.ObjectKey).Concat(Cluster.Select(p => p.ObjectKey));
}
