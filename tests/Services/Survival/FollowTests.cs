using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Flows follow a service's backends however often those change.</summary>
[Collection(nameof(BothNodes))]
public sealed class FollowTests(BothNodes nodes)
{
    private const int Client = 7;

    [Theory]
    [OnKernel(3)]
    [OnKernel(5)]
    [OnPipeline(3)]
    [OnPipeline(5)]
    public async Task A_client_with_a_fixed_port_reaches_one_backend_after_the_other(Side side, int backends)
    {
        var node = await nodes.OfAsync(side);
        var address = $"10.96.1.{backends}";
        await BecomeAsync(1);
        await using var client = new RetryingClient(node.From(Client).Fixed(41000 + backends), $"{address}:80");
        for (var pod = 1; pod <= backends; pod++)
        {
            await BecomeAsync(pod);
            await client.ReachesAsync($"{pod}:8080");
        }

        Task BecomeAsync(int pod) => node.BecomeAsync(Objects.Service("web", address), SliceOf(node, pod));
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Clients_with_fixed_ports_connect_each_time_that_backends_leave_and_return(Side side)
    {
        var node = await nodes.OfAsync(side);
        var clients = Enumerable.Range(41100, 12).Select(node.From(Client).Fixed).ToArray();
        int[][] sequence = [[1, 2], [2], [1, 2], [1], [1, 2], [2], [1, 2], [1], [1, 2]];
        foreach (var pods in sequence)
        {
            await node.BecomeAsync(Objects.Service("web", "10.96.1.20"), SliceOf(node, pods));
            var answers = await Task.WhenAll(clients.Select(c => c.RetryTcpAsync("10.96.1.20:80")));
            Assert.All(answers, a => Assert.Contains(a.Who, pods.Select(p => $"{p}:8080")));
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_client_with_affinity_sticks_to_one_of_the_new_pods_after_rolling_updates(Side side)
    {
        var node = await nodes.OfAsync(side);
        var service = Objects.Service("web", "10.96.1.30", nodePort: 30130)
            .With("spec.sessionAffinity", "ClientIP").With("spec.sessionAffinityConfig.clientIP.timeoutSeconds", 10800);
        (Client From, string To)[] clients = [(node.From(Client), "10.96.1.30:80"), (node.Host, "10.96.1.30:80"), (node.Friend, $"{ServiceNode.NodeAddress}:30130")];
        // Two of them: each client loses the pod that it sticks to at least twice.
        int[][] updates = [[1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 1], [6, 1, 2], [1, 2, 3]];
        foreach (var pods in updates)
        {
            await node.BecomeAsync(service, SliceOf(node, pods));
            foreach (var client in clients)
            {
                await SticksAsync(client.From, client.To, pods);
            }
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Datagrams_that_lost_two_backends_stay_where_they_are_when_others_come(Side side)
    {
        var node = await nodes.OfAsync(side);
        var flows = Enumerable.Range(41200, 12).Select(port => node.From(Client).Fixed(port).OpenUdp("10.96.1.40:80")).ToArray();
        try
        {
            int[][] sequence = [[1], [2], [3], [3, 4], [3, 4, 5, 6]];
            foreach (var pods in sequence)
            {
                await node.BecomeAsync(Objects.Service("web", "10.96.1.40"), SliceOf(node, pods));
                for (var i = 0; i < 3; i++)
                {
                    foreach (var flow in flows)
                    {
                        Assert.Equal($"{pods[0]}:8080", (await flow.AskAsync()).Who);
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

    private static async Task SticksAsync(Client client, string to, int[] pods)
    {
        var answers = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            answers.Add((await client.AskTcpAsync(to)).Who);
        }

        Assert.True(answers.Distinct().Count() == 1 && pods.Any(p => answers[0] == $"{p}:8080"), $"of the pods {string.Join(' ', pods)}: {string.Join(' ', answers)}");
    }

    private static JsonObject SliceOf(IServiceNode node, params int[] pods) => Objects.Slice("s", "web", pods.Select(node.Endpoint));
}
