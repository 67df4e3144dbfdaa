using ACCOffload.InfraManager.State.Policy.Kubernetes;

namespace ACCOffload.InfraManager.Cluster.Objects;

/// <summary>An object that policy follows from: a Namespace, a Pod, a Node, a NetworkPolicy or a ClusterNetworkPolicy.</summary>
internal sealed record PolicyResource(ObjectName Name, string Uid, string ResourceVersion, PolicyObjectKey Key)
    : KubeObject(Name, Uid, ResourceVersion)
{
    /// <summary>What policy needs of it; null if the object must not be known at all.</summary>
    public PolicyObject? Record { get; init; }

    /// <summary>What of it cannot be enforced, in one line that begins with kind and name; empty if all can.</summary>
    public string Problem { get; init; } = "";

    /// <summary>Whether only the name was read, so that the record is the closed one.</summary>
    public bool IsUnreadable { get; init; }
}
