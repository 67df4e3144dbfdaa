using ACCOffload.Cluster.Tests.Setup;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Encapsulation;

/// <summary>
/// A node of the cluster without the product, and without kubelet: a network namespace with a VXLAN device of the kernel, set up as flannel
/// does, an address of its pod range with a server, and a Node object with flannel's annotations.
/// </summary>
internal sealed class KernelNode : IAsyncDisposable
{
    public const string Name = "kernel-node";
    public const string Address = "192.0.2.50";

    /// <summary>The address of its only pod.</summary>
    public const string Pod = "10.244.77.2";

    private const string Pods = "10.244.77.0";
    private const string Mac = "66:11:22:33:44:55";
    private const string Device = "flannel.1";

    private readonly RealCluster _cluster;
    private BackgroundProcess? _server;

    private KernelNode(RealCluster cluster) => _cluster = cluster;

    private string Namespace => _cluster.Network.KernelNamespace;

    public static async Task<KernelNode> StartAsync(RealCluster cluster)
    {
        var node = new KernelNode(cluster);
        try
        {
            await node.ConnectAsync();
            await node.JoinAsync();
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a server answers to its pod; null if it does not.</summary>
    public Task<string?> AskFromPodAsync(string url) => Requests.AskFromAsync(Namespace, url, Pod);

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await _cluster.Kubectl.TryAsync($"delete node {Name} --ignore-not-found");
        await Shell.RunLineAsync(null, $"ip netns delete {Namespace}");
    }

    private async Task ConnectAsync()
    {
        await IpAsync($"netns add {Namespace}", inside: false);
        await IpAsync("link set lo up");
        await _cluster.Network.ConnectAsync(Namespace, "eth0", "nodes", "kernel");
        await IpAsync($"address add {Address}/24 dev eth0");
        await IpAsync($"route add default via {ClusterNetwork.Router}");
        await IpAsync($"link add {Device} address {Mac} type vxlan id {EncapsulatedNodes.Vni} local {Address} dev eth0 "
            + $"dstport {EncapsulatedNodes.Port} nolearning");
        await IpAsync($"address add {Pods}/32 dev {Device}");
        await IpAsync($"link set {Device} up");
        await IpAsync($"address add {Pod}/32 dev lo");
        // The kernel leaves the inner packet's checksum to the network card.
        await Shell.RunLineAsync(Namespace, $"ethtool -K {Device} tx off").Succeeded();
        foreach (var other in _cluster.Nodes)
        {
            var network = other.Pods.Split('/')[0];
            var mac = await TunnelMacAsync(other.Name);
            await IpAsync($"neighbour add {network} lladdr {mac} dev {Device} nud permanent");
            await Shell.RunLineAsync(Namespace, $"bridge fdb add {mac} dev {Device} dst {other.Address}").Succeeded();
            await IpAsync($"route add {other.Pods} via {network} dev {Device} onlink src {Pod}");
        }

        _server = LoggedProcess.Start(Namespace, Path.Combine(_cluster.LogFolder("outside"), "kernel.log"),
            KubernetesFolder.Program("agnhost"), "netexec", "--http-port=8080", "--udp-port=8081");
    }

    private async Task JoinAsync()
    {
        await _cluster.Kubectl.ApplyAsync($$"""
            apiVersion: v1
            kind: Node
            metadata:
              name: {{Name}}
              annotations:
                flannel.alpha.coreos.com/backend-type: vxlan
                flannel.alpha.coreos.com/backend-data: '{"VNI":{{EncapsulatedNodes.Vni}},"VtepMAC":"{{Mac}}"}'
                flannel.alpha.coreos.com/kube-subnet-manager: "true"
                flannel.alpha.coreos.com/public-ip: {{Address}}
            spec: { podCIDR: {{Pods}}/24, podCIDRs: [{{Pods}}/24], taints: [{ key: no-kubelet, effect: NoExecute }] }
            """);
        await _cluster.Kubectl.TryAsync(["patch", "node", Name, "--subresource=status", "--type=merge", "--patch",
            $$"""{ "status": { "addresses": [{ "type": "InternalIP", "address": "{{Address}}" }] } }"""]).Succeeded();
    }

    // As Calico computes it, where no annotation says otherwise.
    private static async Task<string> TunnelMacAsync(string node)
    {
        var hash = (await Shell.RunAsync(null, "sha1sum", [], input: node).Succeeded()).Output;
        return string.Join(':', hash[..10].Chunk(2).Select(byteText => new string(byteText)).Prepend("66"));
    }

    private async Task IpAsync(string arguments, bool inside = true) =>
        await Shell.RunLineAsync(inside ? Namespace : null, $"ip {arguments}").Succeeded();
}
