using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Tests.Kubernetes;

namespace ACCOffload.Services.Tests.Support;

/// <summary>What is the same on every node.</summary>
internal static class ServiceNodeExtensions
{
    public static Client From(this IServiceNode node, int pod) => new(node.Pods[pod].Namespace);

    /// <summary>Endpoint of a pod, ready.</summary>
    public static JsonObject Endpoint(this IServiceNode node, int pod) => Kube.Endpoint(node.Pods[pod].Address);
}
