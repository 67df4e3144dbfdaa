using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Flows follow a service's backends through any number of changes.</summary>
[Collection(nameof(BothNodes))]
public sealed class BackendChangeTests(BothNodes nodes)
{
    private const int Client = 7;

    [Theory]
    [OnKernel(3)]
    [OnKernel(5)]
    [OnPipeline(3)]
    [OnPipeline(5)]
    public async Task A_client_with_a_fixed_port_reaches_successive_backends(Side side, int backends)
    {
        var node = await nodes.OfAsync(side);
        var address = $"10.96.1.{backends}";
        await SetClusterAsync(1);
        await using var client = new RetryingClient(node.From(Client).Fixed(41000 + backends), $"{address}:80");
        for (var pod = 1; pod <= backends; pod++)
        {
            await SetClusterAsync(pod);
            await client.ReachesAsync($"{pod}:8080");
        }

        Task SetClusterAsync(int pod) => node.SetClusterAsync(Objects.Service("web", address), SliceOf(node, pod));
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Clients_with_fixed_ports_connect_after_every_backend_change(Side side)
    {
        var node = await nodes.OfAsync(side);
        var clients = Enumerable.Range(41100, 12).Select(node.From(Client).Fixed).ToArray();
        int[][] sequence = [[1, 2], [2], [1, 2], [1], [1, 2], [2], [1, 2], [1], [1, 2]];
        foreach (var pods in sequence)
        {
            await node.SetClusterAsync(Objects.Service("web", "10.96.1.20"), SliceOf(node, pods));
            var answers = await Task.WhenAll(clients.Select(c => c.RetryTcpAsync("10.96.1.20:80")));
            Assert.All(answers, a => Assert.Contains(a.Server, pods.Select(p => $"{p}:8080")));
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_client_with_affinity_stays_with_one_new_pod_after_rolling_updates(Side side)
    {
        var node = await nodes.OfAsync(side);
        var service = Objects.Service("web", "10.96.1.30", nodePort: 30130)
            .With("spec.sessionAffinity", "ClientIP").With("spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
        (Client From, string To)[] clients = [(node.From(Client), "10.96.1.30:80"), (node.Host, "10.96.1.30:80"),
            (node.ExternalClient, $"{ServiceNode.NodeAddress}:30130")];
        // Two updates: each client loses its pod at least twice.
        int[][] updates = [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 1], [6, 1, 2], [1, 2, 3]];
        foreach (var pods in updates)
        {
            await node.SetClusterAsync(service, SliceOf(node, pods));
            foreach (var client in clients)
            {
                await KeepsOneBackendAsync(client.From, client.To, pods);
            }
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Datagram_flows_that_lost_two_backends_stay_when_others_are_added(Side side)
    {
        var node = await nodes.OfAsync(side);
        var flows = Enumerable.Range(41200, 12).Select(port => node.From(Client).Fixed(port).OpenUdp("10.96.1.40:80")).ToArray();
        try
        {
            int[][] sequence = [[1], [2], [3], [3, 4], [3, 4, 5, 6]];
            foreach (var pods in sequence)
            {
                await node.SetClusterAsync(Objects.Service("web", "10.96.1.40"), SliceOf(node, pods));
                for (var i = 0; i < 3; i++)
                {
                    foreach (var flow in flows)
                    {
                        Assert.Equal($"{pods[0]}:8080", (await flow.AskAsync()).Server);
                    }
                }
            }
        }
        finally
        {
            foreach (var flow in flows)
            {
                flow.Dispose();
            }
        }
    }

    private static async Task KeepsOneBackendAsync(Client client, string to, int[] pods)
    {
        var answers = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            answers.Add((await client.AskTcpAsync(to)).Server);
        }

        Assert.True(answers.Distinct().Count() == 1
            && pods.Any(p => answers[0] == $"{p}:8080"), $"of the pods {string.Join(' ', pods)}: {string.Join(' ', answers)}");
    }

    private static JsonObject SliceOf(IServiceNode node, params int[] pods) => Objects.Slice("s", "web", pods.Select(node.Endpoint));
}
