using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>Many pods at once, and pods that are replaced under load.</summary>
public sealed class PodsTests(RealCluster cluster, ITestOutputHelper output) : ClusterTest(cluster, output)
{
    private const int ManyPods = 30;
    private const int Replicas = 10;

    // Kubernetes removes a terminating pod from its services while the hook waits.
    private const string PreStop = "          lifecycle: { preStop: { sleep: { seconds: 10 } } }";

    [Fact]
    public async Task Thirty_pods_at_once_run_and_leave_nothing()
    {
        await Cluster.ReadyAsync();
        var before = new Dictionary<string, SortedDictionary<string, int>>();
        foreach (var node in Cluster.Nodes)
        {
            await NodeCounts.ForgottenAsync(node);
            before[node.Name] = await NodeCounts.SettledAsync(node, NodeCounts.TakeAsync);
        }

        var space = await CreateNamespaceAsync();
        await Kubectl.ApplyAsync(Manifest.Servers(space, "many", ManyPods) + Manifest.Service(space, "many", "app: many"));
        await Kubectl.RolloutAsync(space, "deployment/many", seconds: 300);
        var addresses = (await Kubectl.GetAsync($"pods --namespace {space}", "{.items[*].status.podIP}")).Split(' ');
        Assert.Equal(ManyPods, addresses.Distinct().Count());
        foreach (var node in Cluster.Nodes)
        {
            var with = await NodeCounts.TakeAsync(node);
            Output.WriteLine($"{node.Name}: {string.Join(", ", with.Where(c => c.Value != before[node.Name].GetValueOrDefault(c.Key))
                .Select(c => $"{c.Key} {before[node.Name].GetValueOrDefault(c.Key)} -> {c.Value}"))}");
        }

        await Cluster.DeleteNamespaceAsync(space);
        foreach (var node in Cluster.Nodes)
        {
            await NodeCounts.AreAgainAsync(node, before[node.Name], NodeCounts.TakeAsync);
        }
    }

    [Fact]
    public async Task A_rolling_update_of_ten_pods_fails_no_request()
    {
        var space = await CreateNamespaceAsync();
        await Kubectl.ApplyAsync(
            Manifest.Servers(space, "web", Replicas, container: PreStop, graceSeconds: 20)
            + Manifest.Service(space, "web", "app: web", "type: NodePort"));
        await Kubectl.RolloutAsync(space, "deployment/web", seconds: 300);
        var address = await Kubectl.ClusterAddressAsync(space, "web");
        var port = await Kubectl.NodePortAsync(space, "web");
        var old = await PodsAsync(space);

        await using var clients = new Clients(Cluster, space);
        foreach (var node in Cluster.Nodes)
        {
            await clients.StartInPodAsync($"pod-{node.Number}", node.Number, Clients.Repeat($"{address}/hostname"));
            clients.StartOutside($"outside-{node.Number}", Clients.Repeat($"{node.Address}:{port}/hostname"));
        }

        await Kubectl.RunAsync($"rollout restart deployment/web --namespace {space}");
        await Kubectl.RolloutAsync(space, "deployment/web", seconds: 600);
        await Eventually.TrueAsync(async () => !(await PodsAsync(space)).Intersect(old).Any(), "the old pods are gone", seconds: 120);
        foreach (var node in Cluster.Nodes)
        {
            await clients.WaitForOutsideAsync($"outside-{node.Number}", 20);
        }

        var logs = await clients.ReadAllAsync();
        Output.WriteLine(string.Join('\n', logs.Select(l => $"{l.Key}: {l.Value}")));
        Assert.All(logs, l => Assert.True(l.Value is { Failures: [], Succeeded: > 0 }, $"{l.Key}: {l.Value}"));
    }

    private async Task<string[]> PodsAsync(string space) =>
        (await Kubectl.GetAsync($"pods --namespace {space} --selector app=web", "{.items[*].metadata.name}")).Split(' ');
}
