using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Policy;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>Reads objects that policy follows from, as the watch reads them.</summary>
internal static class ApiObjects
{
    private static readonly Dictionary<string, ResourceKind<PolicyResource>> Kinds = new(StringComparer.Ordinal)
    {
        [Kube.Namespaces] = PolicyResourceKinds.Namespaces,
        [Kube.Pods] = PolicyResourceKinds.Pods,
        [Kube.NetworkPolicies] = PolicyResourceKinds.NetworkPolicies,
        [Kube.ClusterPolicies] = PolicyResourceKinds.ClusterPolicies,
    };

    /// <summary>An object that is enforced as written.</summary>
    public static PolicyResource Read(JsonObject item)
    {
        var (path, json) = (Kube.PathOf(item), Encoding.UTF8.GetBytes(item.ToJsonString()));
        var resource = path == Kube.Nodes ? PolicyNodeSink.Of(ObjectReaders.Node(json)) : Kinds[path].Read(json);
        Assert.Equal("", resource.Problem);
        return resource;
    }
}
