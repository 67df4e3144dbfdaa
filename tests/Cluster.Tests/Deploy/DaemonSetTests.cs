using ACCOffload.Cluster.Tests.Operation;
using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Deploy;

/// <summary>The host's side of a node as a DaemonSet.</summary>
public sealed class DaemonSetTests(RealCluster cluster, ITestOutputHelper output) : ClusterTest(cluster, output)
{
    private readonly string _pki = Directory.CreateTempSubdirectory("accoffload-daemonset-").FullName;

    public override async ValueTask DisposeAsync()
    {
        Directory.Delete(_pki, recursive: true);
        await base.DisposeAsync();
    }

    [Fact]
    public Task A_DaemonSet_serves_a_node_through_a_restart_and_leaves_without_a_trace() =>
        WithNodeAsync(ContainerRuntime.Containerd, async node =>
        {
            var daemonSet = new HostStubDaemonSet(Cluster, node, _pki);
            try
            {
                await AccByHand.StartAsync(Cluster, node, _pki);
                var before = await MachineState.TakeAsync(node.Machine);

                await daemonSet.InstallAsync();
                await ServesAsync(node, daemonSet);

                await daemonSet.UninstallAsync();
                await MachineState.IsAgainAsync(node.Machine, before);
                Assert.DoesNotContain(AccByHand.HostAddress, await node.Machine.OutputAsync("inframanager", "ctl", "endpoints"));
            }
            finally
            {
                await daemonSet.RemoveObjectsAsync();
            }
        });

    private async Task ServesAsync(KubernetesNode node, HostStubDaemonSet daemonSet)
    {
        var space = await CreateNamespaceAsync();
        var first = Cluster.Nodes[0];
        await Kubectl.ApplyAsync(Manifest.Servers(space, "web", 2, node.Name) + Manifest.Servers(space, "far", 1, first.Name)
            + Manifest.Service(space, "web", "app: web", "type: NodePort"));
        await Kubectl.RolloutAsync(space, "deployment/web");
        await Kubectl.RolloutAsync(space, "deployment/far");
        var pods = (await Kubectl.GetAsync($"pods --namespace {space} --selector app=web", "{.items[*].status.podIP}")).Split(' ');
        var service = await Kubectl.ClusterAddressAsync(space, "web");
        var port = await Kubectl.NodePortAsync(space, "web");
        foreach (var target in pods.Select(p => $"{p}:8080").Append(service))
        {
            foreach (var client in new[] { "deployment/web", "deployment/far" })
            {
                Assert.NotNull(await Kubectl.AskFromPodAsync(space, client, $"{target}/hostname"));
            }

            Assert.NotNull(await Requests.AskFromAsync(node.Namespace, $"{target}/hostname"));
        }

        await using var clients = new Clients(Cluster, space);
        var names = new[] { "pod", "pod-keep", "outside", "outside-keep" };
        await clients.StartInPodAsync("pod", node.Number, Clients.Repeat($"{service}/hostname"));
        await clients.StartInPodAsync("pod-keep", node.Number, Clients.Keep($"{service}/hostname"));
        clients.StartOutside("outside", Clients.Repeat($"{node.Address}:{port}/hostname"));
        clients.StartOutside("outside-keep", Clients.Keep($"{node.Address}:{port}/hostname"));
        await clients.WaitForOutsideAsync("outside-keep", 5);
        var running = await Kubectl.RestartsAsync($"--namespace {space}");
        await daemonSet.RestartAsync();
        // A pod that is added afterwards is served as well.
        await Kubectl.RunAsync($"scale deployment/web --namespace {space} --replicas=3");
        await Kubectl.RolloutAsync(space, "deployment/web");
        await clients.WaitForOutsideAsync("outside-keep", 10);

        var logs = await clients.ReadAllAsync();
        Output.WriteLine(string.Join('\n', logs.Select(l => $"{l.Key}: {l.Value}")));
        Assert.Equal(names.Order(), logs.Keys.Order());
        Assert.All(logs, l => Assert.True(l.Value is { Failures: [], Succeeded: > 0 }, $"{l.Key}: {l.Value}"));
        Assert.All(logs.Where(l => l.Key.EndsWith("keep", StringComparison.Ordinal)), l => Assert.Equal(1, l.Value.Connections));
        Assert.Subset(await Kubectl.RestartsAsync($"--namespace {space}"), running);
        await Cluster.DeleteNamespaceAsync(space);
    }
}
