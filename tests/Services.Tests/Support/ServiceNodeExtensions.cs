using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Helpers for all kinds of nodes.</summary>
internal static class ServiceNodeExtensions
{
    public static Client From(this IServiceNode node, int pod) => new(node.Pods[pod].Namespace);

    /// <summary>A ready endpoint of a pod.</summary>
    public static JsonObject Endpoint(this IServiceNode node, int pod) => Kube.Endpoint(node.Pods[pod].Address);
}
