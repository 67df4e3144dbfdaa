using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Traffic;

/// <summary>A server on each node (web-1, web-2), services for both, and a server outside of the cluster.</summary>
public sealed class TrafficPods(RealCluster cluster) : IAsyncLifetime
{
    /// <summary>An external address of the service, and one of a load balancer; outside, both are routed to the first node.</summary>
    internal const string ExternalAddress = "203.0.113.10";
    internal const string BalancedAddress = "203.0.113.20";

    /// <summary>A server that no service selects.</summary>
    internal const string Plain = "plain";

    private BackgroundProcess? _outside;

    internal string Namespace { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        if (KubernetesFolder.Missing is not null)
        {
            return;
        }

        Namespace = await cluster.CreateNamespaceAsync();
        await cluster.Kubectl.ApplyAsync(
            Manifest.Servers(Namespace, "web-1", 1, KubernetesNode.NameOf(1))
            + Manifest.Servers(Namespace, "web-2", 1, KubernetesNode.NameOf(2))
            + Manifest.Servers(Namespace, Plain, 1, KubernetesNode.NameOf(1), kind: "plain")
            + Manifest.Service(Namespace, "web", "kind: server")
            + Manifest.Service(Namespace, "node-port", "kind: server", "type: NodePort")
            + Manifest.Service(Namespace, "node-port-local", "kind: server", "type: NodePort, externalTrafficPolicy: Local")
            + Manifest.Service(Namespace, "external", "kind: server", $"externalIPs: [{ExternalAddress}]")
            + Manifest.Service(Namespace, "balanced", "kind: server", "type: LoadBalancer, externalTrafficPolicy: Local"));
        await cluster.Kubectl.TryAsync(["patch", "service", "balanced", "--namespace", Namespace, "--subresource=status", "--type=merge",
            "--patch", $$"""{ "status": { "loadBalancer": { "ingress": [{ "ip": "{{BalancedAddress}}" }] } } }"""]).Succeeded();
        await cluster.Kubectl.RolloutAsync(Namespace, "deployment/web-1");
        await cluster.Kubectl.RolloutAsync(Namespace, "deployment/web-2");
        await cluster.Kubectl.RolloutAsync(Namespace, $"deployment/{Plain}");
        foreach (var address in new[] { ExternalAddress, BalancedAddress })
        {
            await Shell.RunLineAsync(cluster.Network.OutsideNamespace,
                $"ip route replace {address} via {cluster.Nodes[0].Address}").Succeeded();
        }

        var log = Path.Combine(cluster.LogFolder("outside"), "agnhost.log");
        _outside = LoggedProcess.Start(cluster.Network.OutsideNamespace, log, KubernetesFolder.Program("agnhost"), "netexec",
            "--http-port=8080", "--udp-port=8081");
    }

    public async ValueTask DisposeAsync()
    {
        if (_outside is not null)
        {
            await _outside.DisposeAsync();
        }

        if (Namespace.Length > 0)
        {
            await cluster.DeleteNamespaceAsync(Namespace);
        }
    }

    /// <summary>The address of the server of a node.</summary>
    internal Task<string> AddressAsync(int node) => AddressAsync($"web-{node}");

    internal Task<string> AddressAsync(string app) => cluster.Kubectl.PodAddressAsync(Namespace, app);

    internal Task<string> ClusterAddressAsync(string service) => cluster.Kubectl.ClusterAddressAsync(Namespace, service);

    internal Task<string> NodePortAsync(string service) => cluster.Kubectl.NodePortAsync(Namespace, service);

    /// <summary>What a server answers to the pod of a node; null if it does not.</summary>
    internal Task<string?> AskFromPodAsync(int node, string url) =>
        cluster.Kubectl.AskFromPodAsync(Namespace, $"deployment/web-{node}", url);
}
