using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Sequences;

/// <summary>
/// Sequences of cluster changes, with the servers that get new flows after each step. The expected servers follow the documentation
/// of kube-proxy in Kubernetes v1.31 ("Virtual IPs and Service Proxies", "EndpointSlices", "Pod termination and its endpoints",
/// KEP-1669): ready endpoints; if there are none, terminating ones that still serve; otherwise connections are refused. Ports of a
/// Service and its slices are matched by name.
/// </summary>
internal static class ChangeSequences
{
    // The cluster IP, and the node port as seen by external clients.
    private const string Web = "10.96.0.10:80 192.0.2.2:30080";
    private const string Other = "10.96.0.20:80";

    public static readonly IReadOnlyDictionary<string, Step[]> All = new Dictionary<string, Step[]>
    {
        ["scale up"] =
        [
            new($"{Web} = refused", ip => [Service()]),
            new($"{Web} = 1:8080", ip => [Service(), Slice("s", ip, 1)]),
            new($"{Web} = 1:8080 2:8080", ip => [Service(), Slice("s", ip, 1, 2)]),
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("s", ip, 1, 2, 4)]),
        ],
        ["scale down"] =
        [
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("s", ip, 1, 2, 4)]),
            // A terminating endpoint gets no new flows, whether it still serves or not.
            new($"{Web} = 1:8080 4:8080", ip => [Service(), Objects.Slice("s", "web", [Ready(ip, 1), Terminating(ip, 2), Ready(ip, 4)])]),
            new($"{Web} = 1:8080 4:8080", ip => [Service(), Slice("s", ip, 1, 4)]),
            new($"{Web} = 4:8080", ip => [Service(), Slice("s", ip, 4)]),
        ],
        ["to zero and back"] =
        [
            new($"{Web} = 1:8080 2:8080", ip => [Service(), Slice("s", ip, 1, 2)]),
            // No endpoint is ready: terminating ones that still serve are used.
            new($"{Web} = 1:8080 2:8080", ip => [Service(), Objects.Slice("s", "web", [Terminating(ip, 1), Terminating(ip, 2)])]),
            new($"{Web} = refused", ip => [Service(), Slice("s", ip)]),
            new($"{Web} = refused", ip => [Service(), Objects.Slice("s", "web", [Kube.Endpoint(ip(4), ready: false)])]),
            new($"{Web} = 4:8080", ip => [Service(), Slice("s", ip, 4)]),
        ],
        ["rolling update"] =
        [
            new($"{Web} = 1:8080 2:8080", ip => [Service(), Slice("old", ip, 1, 2)]),
            new($"{Web} = 1:8080 2:8080 4:9090", ip => [Service(), Slice("old", ip, 1, 2), New(ip, 4)]),
            new($"{Web} = 2:8080 4:9090", ip => [Service(), Objects.Slice("old", "web", [Terminating(ip, 1), Ready(ip, 2)]), New(ip, 4)]),
            new($"{Web} = 4:9090 5:9090", ip => [Service(), Objects.Slice("old", "web", [Terminating(ip, 2)]), New(ip, 4, 5)]),
            new($"{Web} = 4:9090 5:9090", ip => [Service(), New(ip, 4, 5)]),
        ],
        ["port rename"] =
        [
            new($"{Web} = 1:8080", ip => [Service(), Slice("s", ip, 1)]),
            // The Service changes first: until its slices follow, no port names match.
            new($"{Web} = refused", ip => [Service(tcp: "http", udp: "data"), Slice("s", ip, 1)]),
            new($"{Web} = 1:8080",
                ip => [Service(tcp: "http", udp: "data"), Objects.Slice("s", "web", [Ready(ip, 1)], tcp: "http", udp: "data")]),
        ],
        ["endpoint moves to another service"] =
        [
            new($"{Web} = 1:8080\n{Other} = refused", ip => [Service(), OtherService(), Slice("s", ip, 1)]),
            new($"{Web} = refused\n{Other} = refused", ip => [Service(), OtherService(), Slice("s", ip)]),
            new($"{Web} = refused\n{Other} = 1:8080",
                ip => [Service(), OtherService(), Slice("s", ip), Objects.Slice("o", "other", [Ready(ip, 1)])]),
            new($"{Web} = 1:8080\n{Other} = 1:8080",
                ip => [Service(), OtherService(), Slice("s", ip, 1), Objects.Slice("o", "other", [Ready(ip, 1)])]),
        ],
        ["slice split and merge"] =
        [
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("a", ip, 1, 2, 4)]),
            // While endpoints move between slices, they are in both.
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("a", ip, 1, 2, 4), Slice("b", ip, 2, 4)]),
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("a", ip, 1), Slice("b", ip, 2, 4)]),
            new($"{Web} = 1:8080 2:8080 4:8080", ip => [Service(), Slice("a", ip, 1), Slice("b", ip, 1, 2, 4)]),
            new($"{Web} = 1:8080 2:8080 4:8080 5:8080", ip => [Service(), Slice("b", ip, 1, 2, 4, 5)]),
        ],
        ["delete and create again"] =
        [
            new($"{Web} = 1:8080", ip => [Service(), Slice("s", ip, 1)]),
            new($"{Web} = ", ip => [Slice("s", ip, 1)]),
            new($"{Web} = ", ip => []),
            new($"{Web} = \n10.96.0.99:80 = refused", ip => [Objects.Service("web", "10.96.0.99")]),
            new($"{Web} = \n10.96.0.99:80 = 2:8080", ip => [Objects.Service("web", "10.96.0.99"), Slice("s", ip, 2)]),
        ],
        ["address used by successive services"] =
        [
            new($"{Web} = 1:8080", ip => [Service(), Slice("s", ip, 1)]),
            new($"{Web} = ", ip => []),
            new($"{Web} = 2:8080", ip => [Service("next"), Objects.Slice("n", "next", [Ready(ip, 2)])]),
            new($"{Web} = ", ip => []),
            new($"{Web} = refused", ip => [Service("third")]),
            new($"{Web} = ", ip => []),
            new($"{Web} = 4:8080", ip => [Service(), Slice("s", ip, 4)]),
        ],
    };

    private static JsonObject Service(string name = "web", string tcp = "tcp", string udp = "udp") =>
        Objects.Service(name, "10.96.0.10", nodePort: 30080, tcp: tcp, udp: udp);

    private static JsonObject OtherService() => Objects.Service("other", "10.96.0.20");

    private static JsonObject Ready(Func<int, string> ip, int pod) => Kube.Endpoint(ip(pod));

    private static JsonObject Terminating(Func<int, string> ip, int pod) => Kube.Terminating(ip(pod));

    private static JsonObject Slice(string name, Func<int, string> ip, params int[] pods) =>
        Objects.Slice(name, "web", pods.Select(p => Ready(ip, p)));

    private static JsonObject New(Func<int, string> ip, params int[] pods) =>
        Objects.Slice("new", "web", pods.Select(p => Ready(ip, p)), ServiceNode.OtherPort);
}
