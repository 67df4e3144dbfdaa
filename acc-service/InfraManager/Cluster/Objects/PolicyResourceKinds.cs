namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>
/// The kinds that policy follows from. An object that the API accepted and that cannot be read fails closed instead of keeping its
/// previous version.
/// </summary>
internal static class PolicyResourceKinds
{
    public static ResourceKind<PolicyResource> Namespaces { get; } = new("Namespace", "/api/v1/namespaces", "", NamespaceReader.Read)
    {
        ReadNameOnly = NamespaceReader.Unreadable,
    };

    /// <summary>The pods of all nodes.</summary>
    public static ResourceKind<PolicyResource> Pods { get; } = new("Pod", "/api/v1/pods", "", PodReader.Read)
    {
        ReadNameOnly = PodReader.Unreadable,
    };

    public static ResourceKind<PolicyResource> NetworkPolicies { get; } =
        new("NetworkPolicy", "/apis/networking.k8s.io/v1/networkpolicies", "", NetworkPolicyReader.Read)
        {
            ReadNameOnly = NetworkPolicyReader.Unreadable,
        };

    /// <summary>Served where its CRD is installed.</summary>
    public static ResourceKind<PolicyResource> ClusterPolicies { get; } = new(
        "ClusterNetworkPolicy", "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies", "", ClusterPolicyReader.Read)
    {
        ReadNameOnly = ClusterPolicyReader.Unreadable,
        IsOptional = true,
    };
}
