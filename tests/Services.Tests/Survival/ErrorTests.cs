using System.Net.Sockets;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>ICMP errors reach the sockets that they concern.</summary>
[Collection(nameof(BothNodes))]
public sealed class ErrorTests(BothNodes nodes)
{
    private const int Client = 7;
    private const int UnusedPort = 7171;

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_backend_learns_a_small_MTU_on_the_path_to_a_node_port_client(Side side)
    {
        var node = await nodes.OfAsync(side);
        var far = new Client(await node.AddRemoteHostAsync("198.51.100.71", 1300));
        await node.SetClusterAsync(Objects.Service("web", "10.96.5.10", nodePort: 30510), Objects.Slice("s", "web", [node.Endpoint(1)]));
        await far.EchoAsync($"{ServiceNode.NodeAddress}:30510");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_client_learns_a_small_MTU_on_the_path_to_a_backend(Side side)
    {
        const string Address = "198.51.100.72";
        var node = await nodes.OfAsync(side);
        await using var server = new Server(await node.AddRemoteHostAsync(Address, 1301), "far", ServiceNode.Port);
        await node.SetClusterAsync(Objects.Service("web", "10.96.5.20", nodePort: 30520),
            Objects.Slice("s", "web", [Kube.Endpoint(Address, "node-2")]));
        // A pod with its own address, the node, and a masqueraded external client.
        await node.From(Client).EchoAsync("10.96.5.20:80");
        await node.Host.EchoAsync("10.96.5.20:80");
        await node.ExternalClient.EchoAsync($"{ServiceNode.NodeAddress}:30520");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_datagram_to_a_closed_backend_port_is_refused(Side side)
    {
        var node = await nodes.OfAsync(side);
        var slice = Objects.Slice("s", "web", [node.Endpoint(1)], UnusedPort);
        await node.SetClusterAsync(Objects.Service("web", "10.96.5.30", nodePort: 30530), slice);
        // The last client is the backend itself.
        (Client From, string To)[] clients =
        [
            (node.From(Client), "10.96.5.30:80"), (node.Host, "10.96.5.30:80"), (node.ExternalClient, $"{ServiceNode.NodeAddress}:30530"),
            (node.From(1), "10.96.5.30:80"),
        ];
        foreach (var (from, to) in clients)
        {
            var answer = await from.AskAsync(ProtocolType.Udp, to);
            Assert.True(answer.Server == Answer.Refused, $"{to}: {answer.Server}; {await node.DescribeAsync()}");
        }
    }
}
