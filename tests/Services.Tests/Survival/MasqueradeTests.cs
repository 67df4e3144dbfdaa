using System.Text.Json.Nodes;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Masquerading succeeds as long as a port or identifier is free.</summary>
[Collection(nameof(BothNodes))]
public sealed class MasqueradeTests(BothNodes nodes)
{
    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Three_thousand_short_connections_through_a_node_port_succeed(Side side)
    {
        var node = await nodes.OfAsync(side);
        await node.SetClusterAsync(Kube.Service("web", "10.96.2.10", ("tcp", "TCP", 80, 30210)).With("spec.type", "NodePort"),
            Slice(node, "tcp", 1));
        await AllConnectAsync(node, node.ExternalClient, $"{ServiceNode.NodeAddress}:30210");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Three_thousand_short_connections_of_a_pod_to_itself_succeed(Side side)
    {
        var node = await nodes.OfAsync(side);
        await node.SetClusterAsync(Kube.Service("web", "10.96.2.20", ("tcp", "TCP", 80, 0)), Slice(node, "tcp", 2));
        await AllConnectAsync(node, node.From(2), "10.96.2.20:80");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Three_pods_that_ping_a_host_with_the_same_identifier_get_replies(Side side)
    {
        var node = await nodes.OfAsync(side);
        await node.MasqueradeOutgoingAsync();
        // Each sends until it has three replies.
        var pings = await Task.WhenAll(new[] { 1, 2, 3 }.Select(pod =>
            Shell.RunLineAsync(node.Pods[pod].Namespace, $"ping -n -e 4242 -i 0.2 -c 3 -w 20 {Outside.ClientAddress}")));
        var description = await node.DescribeAsync();
        Assert.All(pings, p => Assert.True(p.Output.Contains("3 received", StringComparison.Ordinal), $"{p.Output}{p.Error}{description}"));
    }

    // Sequentially, so that at most one is open.
    private static async Task AllConnectAsync(IServiceNode node, Client client, string to)
    {
        for (var i = 1; i <= 3000; i++)
        {
            var answer = await client.AskTcpAsync(to);
            if (answer.Seen is null)
            {
                Assert.Fail($"connection {i} from {answer.Own}: {answer.Server}; {await node.DescribeAsync()}");
            }

            Assert.False(answer.SourceKept, $"{answer.Own} is visible to the server");
        }
    }

    // On a port that no other scenario uses, because thousands of conntrack entries for it remain.
    private static JsonObject Slice(IServiceNode node, string port, int pod) =>
        Kube.Slice("s", "web", [(port, "TCP", ServiceNode.OtherPort)], node.Endpoint(pod));
}
