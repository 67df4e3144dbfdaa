using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Builds cluster objects for these tests: each service has the same port over TCP and UDP.</summary>
internal static class Objects
{
    public static JsonObject Service(string name, string clusterIp, int port = 80, int nodePort = 0, string tcp = "tcp", string udp = "udp")
    {
        var service = Kube.Service(name, clusterIp, (tcp, "TCP", port, nodePort), (udp, "UDP", port, nodePort));
        return nodePort == 0 ? service : service.With("spec.type", "NodePort").With("spec.externalTrafficPolicy", "Cluster");
    }

    public static JsonObject Slice(string name, string service, IEnumerable<JsonObject> endpoints, int port = ServiceNode.Port,
        string tcp = "tcp", string udp = "udp") =>
        Kube.Slice(name, service, [(tcp, "TCP", port), (udp, "UDP", port)], [.. endpoints]);

    /// <summary>Adds a load balancer address for external clients.</summary>
    public static JsonObject WithLoadBalancer(this JsonObject service, string ingress, params string[] sourceRanges) => service
        .With("spec.type", "LoadBalancer")
        .With("spec.loadBalancerSourceRanges", new JsonArray([.. sourceRanges.Select(r => JsonValue.Create(r))]))
        .With("status.loadBalancer.ingress", new JsonArray(new JsonObject { ["ip"] = ingress, ["ipMode"] = "VIP" }));
}
