using System.Net.Sockets;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.Services.Tests.Support;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>ICMP errors reach the sockets that they are about.</summary>
[Collection(nameof(BothNodes))]
public sealed class ErrorTests(BothNodes nodes)
{
    private const int Client = 7;
    private const int NobodysPort = 7171;

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_server_learns_of_a_small_MTU_on_the_way_to_a_node_ports_client(Side side)
    {
        var node = await nodes.OfAsync(side);
        var far = new Client(await node.AddFarAsync("198.51.100.71", 1300));
        await node.BecomeAsync(Objects.Service("web", "10.96.5.10", nodePort: 30510), Objects.Slice("s", "web", [node.Endpoint(1)]));
        await far.EchoAsync($"{ServiceNode.NodeAddress}:30510");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_client_learns_of_a_small_MTU_on_the_way_to_a_services_backend(Side side)
    {
        const string Address = "198.51.100.72";
        var node = await nodes.OfAsync(side);
        await using var server = new Server(await node.AddFarAsync(Address, 1301), "far", ServiceNode.Port);
        await node.BecomeAsync(Objects.Service("web", "10.96.5.20", nodePort: 30520), Objects.Slice("s", "web", [Kube.Endpoint(Address, "node-2")]));
        // A pod that is known by its own address, the node, and somebody who comes back by the node.
        await node.From(Client).EchoAsync("10.96.5.20:80");
        await node.Host.EchoAsync("10.96.5.20:80");
        await node.Friend.EchoAsync($"{ServiceNode.NodeAddress}:30520");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_datagram_to_a_backend_that_does_not_listen_is_refused(Side side)
    {
        var node = await nodes.OfAsync(side);
        var slice = Objects.Slice("s", "web", [node.Endpoint(1)], NobodysPort);
        await node.BecomeAsync(Objects.Service("web", "10.96.5.30", nodePort: 30530), slice);
        // The last is the pod itself.
        (Client From, string To)[] clients =
        [
            (node.From(Client), "10.96.5.30:80"), (node.Host, "10.96.5.30:80"), (node.Friend, $"{ServiceNode.NodeAddress}:30530"), (node.From(1), "10.96.5.30:80"),
        ];
        foreach (var (from, to) in clients)
        {
            var answer = await from.AskAsync(ProtocolType.Udp, to);
            Assert.True(answer.Who == Answer.Refused, $"{to}: {answer.Who}; {await node.TellAsync()}");
        }
    }
}
