using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>Nodes that join, change and leave.</summary>
public sealed class NodeTests(RealCluster cluster, ITestOutputHelper output) : ClusterTest(cluster, output)
{
    private const string NewAddress = "192.0.2.113";
    private const int OutsidePort = 8090;
    private const string ReadyPath = "{.status.conditions[?(@.type==\"Ready\")].status}";

    [Fact]
    public async Task Nodes_are_ready_after_cluster_up_alone()
    {
        foreach (var node in Cluster.Nodes)
        {
            Assert.Equal("True", await Kubectl.GetAsync($"node {node.Name}", ReadyPath));
            var status = await node.Machine.OutputAsync("inframanager", "ctl", "status");
            Output.WriteLine(status);
            Assert.DoesNotContain("failed", status, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [InlineData("containerd")]
    [InlineData("crio")]
    public async Task A_node_joins_changes_its_address_and_leaves_without_a_trace(string runtime)
    {
        var kind = Enum.Parse<ContainerRuntime>(runtime, ignoreCase: true);
        Needs.NotMissing(kind == ContainerRuntime.Crio ? KubernetesFolder.MissingCrio : null);
        await Cluster.ReadyAsync();
        var rows = new Dictionary<string, SortedDictionary<string, int>>();
        foreach (var other in Cluster.Nodes)
        {
            rows[other.Name] = await NodeCounts.SettledAsync(other, NodeCounts.RowsAsync);
        }

        await WithNodeAsync(kind, async node =>
        {
            Assert.NotEqual("True", await Kubectl.GetAsync($"node {node.Name}", ReadyPath));
            var before = await MachineState.TakeAsync(node.Machine);
            Output.WriteLine((await node.UpAsync()).MustSucceed().Output);
            Assert.Equal("True", await Kubectl.GetAsync($"node {node.Name}", ReadyPath));
            await IsReachedAsync(node);

            await node.ChangeAddressAsync(NewAddress);
            (await node.UpAsync()).MustSucceed();
            await IsReachedAsync(node);

            Output.WriteLine((await node.DownAsync("FORCE=1")).MustSucceed().Output);
            await node.ChangeAddressAsync(ClusterNetwork.NodeAddress(node.Number));
            await MachineState.IsAgainAsync(node.Machine, before);
        });

        var name = KubernetesNode.NameOf(RealCluster.FirstNodes + 1);
        foreach (var other in Cluster.Nodes)
        {
            await Eventually.TrueAsync(async () => await other.OtherNodeAsync(name) is null, $"{other.Name} forgets {name}");
            await NodeCounts.AreAgainAsync(other, rows[other.Name], NodeCounts.RowsAsync);
        }
    }

    // (The rows are not counted: former pods that nobody saw terminate drain for hours.)
    [Fact]
    public async Task A_node_that_loses_its_power_serves_again()
    {
        await Cluster.ReadyAsync();
        await WithNodeAsync(ContainerRuntime.Containerd, async node =>
        {
            (await node.UpAsync()).MustSucceed();
            await IsReachedAsync(node);
            await node.RestartAsync();
            await Eventually.TrueAsync(
                async () => (await node.Machine.RunAsync(["inframanager", "ctl", "status"])).Output.Contains(node.Name, StringComparison.Ordinal),
                "its ACC runs again", seconds: 60);
            await node.Machine.OutputAsync("inframanager", "ctl", "status", "--wait", "60");
            await Cluster.ReadyAsync();
            await IsReachedAsync(node);
            (await node.DownAsync("FORCE=1")).MustSucceed();
        });
    }

    // Others know the node by its address, and its pods are reached from everywhere.
    private async Task IsReachedAsync(KubernetesNode node)
    {
        foreach (var other in Cluster.Nodes)
        {
            await Eventually.TrueAsync(async () => await other.OtherNodeAsync(node.Name) is { } known
                && (string?)known["address"] == node.Address && (string?)known["state"] == "programmed",
                $"{other.Name} has the route to {node.Name}");
        }

        var space = await CreateNamespaceAsync();
        foreach (var each in Cluster.Nodes.Append(node))
        {
            await Kubectl.ApplyAsync(Manifest.Servers(space, $"web-{each.Number}", 1, each.Name));
            await Kubectl.RolloutAsync(space, $"deployment/web-{each.Number}");
        }

        var pod = await AddressAsync(space, node.Number);
        Assert.NotNull(await Requests.AskFromAsync(Cluster.Network.OutsideNamespace, $"{pod}:8080/hostname"));
        foreach (var other in Cluster.Nodes)
        {
            var their = await AddressAsync(space, other.Number);
            Assert.NotNull(await Requests.AskFromAsync(other.Namespace, $"{pod}:8080/hostname"));
            Assert.NotNull(await Requests.AskFromAsync(node.Namespace, $"{their}:8080/hostname"));
            Assert.StartsWith($"{their}:", await AskAsync(space, other.Number, pod), StringComparison.Ordinal);
            Assert.StartsWith($"{pod}:", await AskAsync(space, node.Number, their), StringComparison.Ordinal);
        }

        await using (LoggedProcess.Start(Cluster.Network.OutsideNamespace, Path.Combine(Cluster.LogFolder("outside"), "node.log"),
            KubernetesFolder.Program("agnhost"), "netexec", $"--http-port={OutsidePort}", "--udp-port=-1"))
        {
            var url = $"{ClusterNetwork.Router}:{OutsidePort}/hostname";
            await Eventually.TrueAsync(async () => await Requests.AskFromAsync(Cluster.Network.OutsideNamespace, url) is not null,
                "the server outside answers");
            var source = await AskAsync(space, node.Number, ClusterNetwork.Router, OutsidePort);
            Assert.StartsWith($"{node.Address}:", source, StringComparison.Ordinal);
        }

        await Cluster.DeleteNamespaceAsync(space);
    }

    private Task<string> AddressAsync(string space, int node) => Kubectl.PodAddressAsync(space, $"web-{node}");

    private Task<string?> AskAsync(string space, int node, string address, int port = 8080) =>
        Kubectl.AskFromPodAsync(space, $"deployment/web-{node}", $"{address}:{port}/clientip");
}
