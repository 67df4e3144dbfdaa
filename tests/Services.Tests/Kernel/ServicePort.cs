using System.Text.Json.Nodes;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Kernel;

/// <summary>One port of a service and its ready endpoints.</summary>
internal sealed record ServicePort(string Name, string Address, string Protocol, int Port, int NodePort, int AffinitySeconds,
    string[] Endpoints)
{
    public bool IsUdp => Protocol == "udp";

    /// <summary>All service ports of a cluster.</summary>
    public static IEnumerable<ServicePort> Of(IReadOnlyCollection<JsonObject> cluster)
    {
        foreach (var service in cluster.Where(o => Kube.PathOf(o) == Kube.Services))
        {
            var (name, spec) = (Text(service["metadata"]!, "name"), service["spec"]!);
            var seconds = Text(spec, "sessionAffinity") == "ClientIP"
                ? spec["sessionAffinityConfig"]!["clientIP"]!["timeoutSeconds"]!.GetValue<int>()
                : 0;
            var slices = cluster.Where(o => Kube.PathOf(o) == Kube.Slices
                && Text(o["metadata"]!["labels"]!, "kubernetes.io/service-name") == name).ToList();
            foreach (var port in spec["ports"]!.AsArray())
            {
                yield return new ServicePort(
                    $"{name}_{Text(port!, "name")}", Text(spec, "clusterIP"), Text(port!, "protocol").ToLowerInvariant(),
                    port!["port"]!.GetValue<int>(),
                    port["nodePort"]?.GetValue<int>() ?? 0, seconds,
                    [.. slices.SelectMany(s => EndpointsOf(s, Text(port, "name"))).Distinct()]);
            }
        }
    }

    public static string AddressOf(string endpoint) => endpoint.Split(':')[0];

    private static IEnumerable<string> EndpointsOf(JsonObject slice, string port) =>
        from target in slice["ports"]!.AsArray()
        where Text(target!, "name") == port
        from endpoint in slice["endpoints"]!.AsArray()
        where endpoint!["conditions"]!["ready"]!.GetValue<bool>()
        select $"{endpoint["addresses"]![0]}:{target["port"]}";

    private static string Text(JsonNode of, string name) => of[name]!.GetValue<string>();
}
