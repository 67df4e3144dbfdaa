using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Encapsulation;

/// <summary>Nodes that reach each other's pods through VXLAN, one of them without the product.</summary>
public sealed class EncapsulationTests(RealCluster cluster, EncapsulatedNodes nodes, ITestOutputHelper output)
    : ClusterTest(cluster, output), IClassFixture<EncapsulatedNodes>
{
    // Several packets of a tunnel.
    private const int ManyBytes = 6000;

    [Fact]
    public async Task Pods_and_hosts_reach_the_other_nodes_pods_through_VXLAN()
    {
        foreach (var node in Cluster.Nodes)
        {
            var other = Cluster.Nodes.Single(n => n != node);
            Assert.Equal("tunnel", (string?)(await node.OtherNodeAsync(other.Name))?["path"]);
            var (own, their) = (await nodes.AddressAsync(node.Number), await nodes.AddressAsync(other.Number));
            Assert.Equal(own, Requests.SourceOf(await nodes.AskFromPodAsync(node.Number, $"{their}:8080/clientip")));
            Assert.Equal(node.Address,
                Requests.SourceOf(await Requests.AskFromAsync(node.Namespace, $"{their}:8080/clientip", node.Address)));
            var text = new string('x', ManyBytes);
            Assert.Equal(text, await nodes.AskFromPodAsync(node.Number, $"{their}:8080/echo?msg={text}"));
        }
    }

    [Fact]
    public async Task A_node_with_the_kernels_VXLAN_is_reached_both_ways()
    {
        await using var kernel = await KernelNode.StartAsync(Cluster);
        var text = new string('x', ManyBytes);
        foreach (var node in Cluster.Nodes)
        {
            await Eventually.TrueAsync(async () => (string?)(await node.OtherNodeAsync(KernelNode.Name))?["state"] == "programmed",
                $"{node.Name} has the route to {KernelNode.Name}");
            var own = await nodes.AddressAsync(node.Number);
            Assert.Equal(own, Requests.SourceOf(await nodes.AskFromPodAsync(node.Number, $"{KernelNode.Pod}:8080/clientip")));
            Assert.Equal(KernelNode.Pod, Requests.SourceOf(await kernel.AskFromPodAsync($"{own}:8080/clientip")));
            Assert.Equal(text, await nodes.AskFromPodAsync(node.Number, $"{KernelNode.Pod}:8080/echo?msg={text}"));
            Assert.Equal(text, await kernel.AskFromPodAsync($"{own}:8080/echo?msg={text}"));
        }
    }
}
