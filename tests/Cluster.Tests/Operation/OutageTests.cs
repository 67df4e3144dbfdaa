using ACCOffload.Cluster.Tests.Setup;

namespace ACCOffload.Cluster.Tests.Operation;

/// <summary>Traffic while parts of the cluster are away.</summary>
public sealed class OutageTests(RealCluster cluster, ITestOutputHelper output) : ClusterTest(cluster, output)
{
    /// <summary>How long the API server is away.</summary>
    private static readonly TimeSpan ApiAway = TimeSpan.FromSeconds(
        int.TryParse(Environment.GetEnvironmentVariable("ACCOFFLOAD_TEST_API_AWAY_SECONDS"), out var seconds) ? seconds : 300);

    [Fact]
    public async Task ACCs_restart_one_after_the_other_and_the_other_nodes_connections_stay()
    {
        var (space, clients) = await StartAsync();
        await using (clients)
        {
            var pods = await Kubectl.RestartsAsync("--all-namespaces");
            foreach (var node in Cluster.Nodes)
            {
                var other = Cluster.Nodes.Single(n => n != node);
                var before = await clients.ReadAllAsync();
                await node.RestartAccAsync();
                foreach (var client in new[] { $"outside-keep-{other.Number}", $"outside-keep-{node.Number}", $"outside-{node.Number}" })
                {
                    await clients.WaitForOutsideAsync(client, 10, seconds: 120);
                }

                var after = await clients.ReadAllAsync();
                Output.WriteLine($"{node.Name}'s ACC restarted:\n{Format(after)}");
                Assert.All(after.Where(l => l.Key.EndsWith($"-{other.Number}", StringComparison.Ordinal)), l =>
                {
                    Assert.True(l.Value.Failures.Count == before[l.Key].Failures.Count, $"{l.Key}: {l.Value}");
                    Assert.True(l.Value.Succeeded > before[l.Key].Succeeded, $"{l.Key}: {l.Value}");
                    Assert.True(!l.Key.Contains("keep", StringComparison.Ordinal) || l.Value.Connections == before[l.Key].Connections,
                        $"{l.Key} made another connection: {l.Value}");
                });
            }

            Assert.Equal(pods, await Kubectl.RestartsAsync("--all-namespaces"));
        }

        await Cluster.DeleteNamespaceAsync(space);
    }

    [Fact]
    public async Task Traffic_goes_on_while_the_API_server_is_away_and_ACCs_restart()
    {
        var (space, clients) = await StartAsync();
        await using (clients)
        {
            var pods = await Kubectl.RestartsAsync("--all-namespaces");
            var before = await clients.ReadAllAsync();
            await Cluster.Control.StopApiServerAsync();
            try
            {
                // The outage in three parts: before, between and after the restarts of the ACCs.
                await Task.Delay(ApiAway / 3);
                await AllOutsideAnsweredAsync(clients);
                foreach (var node in Cluster.Nodes)
                {
                    var without = await clients.ReadAsync($"outside-{node.Number}");
                    Assert.True(without.Failures.Count == before[$"outside-{node.Number}"].Failures.Count,
                        $"without the API server: {without}");
                    await node.Machine.OutputAsync("systemctl", "restart", "inframanager");
                    await AllOutsideAnsweredAsync(clients);
                    var restarted = (await clients.ReadAsync($"outside-{node.Number}")).Failures.Count;
                    await Task.Delay(ApiAway / 3);
                    Assert.Equal(restarted, (await clients.ReadAsync($"outside-{node.Number}")).Failures.Count);
                }
            }
            finally
            {
                await Cluster.Control.StartApiServerAsync();
            }

            // If it was away for long, the controllers take the nodes for dead until kubelet reports again: their pods leave the services.
            await Cluster.ReadyAsync();
            foreach (var node in Cluster.Nodes)
            {
                await node.Machine.OutputAsync("inframanager", "ctl", "status", "--wait", "120");
            }

            var logs = await clients.ReadAllAsync();
            Output.WriteLine(Format(logs));
            Assert.All(logs, l => Assert.True(l.Value.Succeeded > before[l.Key].Succeeded, $"{l.Key}: {l.Value}"));
            Assert.Equal(pods, await Kubectl.RestartsAsync("--all-namespaces"));
        }

        await Cluster.DeleteNamespaceAsync(space);
    }

    private static string Format(IReadOnlyDictionary<string, ClientLog> logs) =>
        string.Join('\n', logs.Select(l => $"  {l.Key}: {l.Value}"));

    private async Task AllOutsideAnsweredAsync(Clients clients)
    {
        foreach (var node in Cluster.Nodes)
        {
            await clients.WaitForOutsideAsync($"outside-{node.Number}", 10, seconds: 120);
        }
    }

    // Every client's name ends with the node that its packets pass; none passes the other one.
    private async Task<(string Namespace, Clients Clients)> StartAsync()
    {
        var space = await CreateNamespaceAsync();
        var clients = new Clients(Cluster, space);
        foreach (var node in Cluster.Nodes)
        {
            var name = $"web-{node.Number}";
            await Kubectl.ApplyAsync(Manifest.Servers(space, name, 1, node.Name)
                + Manifest.Service(space, name, $"app: {name}", "type: NodePort, externalTrafficPolicy: Local"));
            await Kubectl.RolloutAsync(space, $"deployment/{name}");
            var address = await Kubectl.ClusterAddressAsync(space, name);
            var port = await Kubectl.NodePortAsync(space, name);
            await clients.StartInPodAsync($"pod-{node.Number}", node.Number, Clients.Repeat($"{address}/hostname"));
            await clients.StartInPodAsync($"pod-keep-{node.Number}", node.Number, Clients.Keep($"{address}/hostname"));
            clients.StartOutside($"outside-{node.Number}", Clients.Repeat($"{node.Address}:{port}/hostname"));
            clients.StartOutside($"outside-keep-{node.Number}", Clients.Keep($"{node.Address}:{port}/hostname"));
            await clients.WaitForOutsideAsync($"outside-{node.Number}", 5);
            await clients.WaitForOutsideAsync($"outside-keep-{node.Number}", 5);
        }

        return (space, clients);
    }
}
