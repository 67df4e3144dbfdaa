using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Traffic;

/// <summary>Traffic between two nodes, their pods, and machines outside of the cluster.</summary>
public sealed class TrafficTests(RealCluster cluster, TrafficPods pods, ITestOutputHelper output)
    : ClusterTest(cluster, output), IClassFixture<TrafficPods>
{
    // Of so many connections, all go to one of two backends once in 500,000 times.
    private const int Connections = 20;

    [Fact]
    public async Task Pods_reach_the_other_nodes_pods_with_their_own_address()
    {
        var (one, two) = (await pods.AddressAsync(1), await pods.AddressAsync(2));
        Assert.Equal(one, await SourceAsync(pods.AskFromPodAsync(1, $"{two}:8080/clientip")));
        Assert.Equal(two, await SourceAsync(pods.AskFromPodAsync(2, $"{one}:8080/clientip")));
    }

    [Fact]
    public async Task Hosts_reach_pods_of_both_nodes()
    {
        foreach (var node in Cluster.Nodes)
        {
            foreach (var number in new[] { 1, 2 })
            {
                Assert.Equal(node.Address,
                    await SourceAsync(Requests.AskFromAsync(node.Namespace, $"{await pods.AddressAsync(number)}:8080/clientip")));
            }
        }
    }

    [Fact]
    public async Task Pods_and_hosts_reach_a_services_pods_on_both_nodes()
    {
        var service = await pods.ClusterAddressAsync("web");
        foreach (var node in Cluster.Nodes)
        {
            await BothAnswerAsync(() => pods.AskFromPodAsync(node.Number, $"{service}/hostname"));
            await BothAnswerAsync(() => Requests.AskFromAsync(node.Namespace, $"{service}/hostname"));
        }
    }

    [Fact]
    public async Task Pods_reach_the_API_server_through_its_service()
    {
        foreach (var number in new[] { 1, 2 })
        {
            var run = await Kubectl.ExecAsync(pods.Namespace, $"deployment/web-{number}",
                "curl -s -k -m 5 https://kubernetes.default/version");
            Assert.Contains("gitVersion", run.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Pods_leave_the_cluster_with_their_nodes_address()
    {
        foreach (var node in Cluster.Nodes)
        {
            Assert.Equal(node.Address, await SourceAsync(pods.AskFromPodAsync(node.Number, $"{ClusterNetwork.Router}:8080/clientip")));
            Assert.Equal(node.Address, await SourceAsync(pods.AskFromPodAsync(node.Number, $"{ClusterNetwork.FarAddress}:8080/clientip")));
        }
    }

    [Fact]
    public async Task Machines_outside_reach_pods_directly()
    {
        foreach (var app in new[] { "web-1", "web-2", TrafficPods.Plain })
        {
            var url = $"{await pods.AddressAsync(app)}:8080/clientip";
            Assert.Equal(ClusterNetwork.Router, await SourceAsync(Requests.AskFromAsync(Cluster.Network.OutsideNamespace, url)));
        }
    }

    [Fact]
    public async Task A_node_port_is_served_at_both_nodes()
    {
        var port = await pods.NodePortAsync("node-port");
        var local = await pods.NodePortAsync("node-port-local");
        foreach (var node in Cluster.Nodes)
        {
            await BothAnswerAsync(() => Requests.AskFromAsync(Cluster.Network.OutsideNamespace, $"{node.Address}:{port}/hostname"));
            Assert.Equal(ClusterNetwork.Router,
                await SourceAsync(Requests.AskFromAsync(Cluster.Network.OutsideNamespace, $"{node.Address}:{local}/clientip")));
            foreach (var from in Cluster.Nodes)
            {
                await BothAnswerAsync(() => Requests.AskFromAsync(from.Namespace, $"{node.Address}:{port}/hostname"));
                await BothAnswerAsync(() => pods.AskFromPodAsync(from.Number, $"{node.Address}:{port}/hostname"));
            }
        }
    }

    [Fact]
    public async Task An_external_address_is_served_for_everybody()
    {
        await BothAnswerAsync(() => Requests.AskFromAsync(Cluster.Network.OutsideNamespace, $"{TrafficPods.ExternalAddress}/hostname"));
        foreach (var node in Cluster.Nodes)
        {
            await BothAnswerAsync(() => pods.AskFromPodAsync(node.Number, $"{TrafficPods.ExternalAddress}/hostname"));
            await BothAnswerAsync(() => Requests.AskFromAsync(node.Namespace, $"{TrafficPods.ExternalAddress}/hostname"));
        }
    }

    [Fact]
    public async Task A_load_balancers_address_keeps_the_clients_address_with_the_policy_Local()
    {
        Assert.Equal(ClusterNetwork.Router,
            await SourceAsync(Requests.AskFromAsync(Cluster.Network.OutsideNamespace, $"{TrafficPods.BalancedAddress}/clientip")));
        foreach (var node in Cluster.Nodes)
        {
            Assert.NotNull(await pods.AskFromPodAsync(node.Number, $"{TrafficPods.BalancedAddress}/hostname"));
            Assert.NotNull(await Requests.AskFromAsync(node.Namespace, $"{TrafficPods.BalancedAddress}/hostname"));
        }
    }

    private static async Task<string?> SourceAsync(Task<string?> answer) => Requests.SourceOf(await answer);

    private static async Task BothAnswerAsync(Func<Task<string?>> ask)
    {
        var names = new HashSet<string>();
        for (var i = 0; i < Connections; i++)
        {
            var answer = await ask();
            Assert.NotNull(answer);
            names.Add(answer[..5]);
        }

        Assert.Equal(["web-1", "web-2"], names.Order());
    }
}
