using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Encapsulation;

/// <summary>
/// The nodes of the cluster with VXLAN between them, with flannel's numbers, and a server on each. At the end they are set up as before.
/// </summary>
public sealed class EncapsulatedNodes(RealCluster cluster) : IAsyncLifetime
{
    /// <summary>flannel's identifier and UDP port.</summary>
    internal const int Vni = 1;
    internal const int Port = 8472;

    internal string Namespace { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        if (KubernetesFolder.Missing is not null)
        {
            return;
        }

        foreach (var node in cluster.Nodes)
        {
            (await node.UpAsync("ENCAPSULATION=always", $"VXLAN_VNI={Vni}", $"VXLAN_PORT={Port}")).MustSucceed();
        }

        Namespace = await cluster.CreateNamespaceAsync();
        foreach (var node in cluster.Nodes)
        {
            await cluster.Kubectl.ApplyAsync(Manifest.Servers(Namespace, $"web-{node.Number}", 1, node.Name));
            await cluster.Kubectl.RolloutAsync(Namespace, $"deployment/web-{node.Number}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Namespace.Length > 0)
        {
            await cluster.DeleteNamespaceAsync(Namespace);
            foreach (var node in cluster.Nodes)
            {
                (await node.UpAsync("ENCAPSULATION=auto", "VXLAN_VNI=4096", "VXLAN_PORT=4789")).MustSucceed();
            }
        }
    }

    /// <summary>The address of the server of a node.</summary>
    internal Task<string> AddressAsync(int node) => cluster.Kubectl.PodAddressAsync(Namespace, $"web-{node}");

    /// <summary>What a server answers to the pod of a node; null if it does not.</summary>
    internal Task<string?> AskFromPodAsync(int node, string url) =>
        cluster.Kubectl.AskFromPodAsync(Namespace, $"deployment/web-{node}", url);
}
