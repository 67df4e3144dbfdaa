using System.Net;
using System.Net.Sockets;
using System.Text;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Datagrams larger than the MTU.</summary>
[Collection(nameof(BothNodes))]
public sealed class FragmentTests(BothNodes nodes)
{
    private const int Client = 7;
    private const int Size = 2000;

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Large_datagrams_to_services_and_their_replies_arrive(Side side)
    {
        var node = await nodes.OfAsync(side);
        await node.SetClusterAsync(Objects.Service("web", "10.96.6.10", nodePort: 30610),
            Objects.Slice("s", "web", [node.Endpoint(1), node.Endpoint(2)]));
        // Two pods, one of which may reach itself, the node, and a masqueraded external client.
        (Client From, string To)[] clients =
        [
            (node.From(Client), "10.96.6.10:80"), (node.From(1), "10.96.6.10:80"), (node.Host, "10.96.6.10:80"),
            (node.ExternalClient, $"{ServiceNode.NodeAddress}:30610"),
        ];
        foreach (var (from, to) in clients)
        {
            for (var i = 0; i < 8; i++)
            {
                await EchoAsync(node, from, to);
            }
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Large_datagrams_from_pod_to_pod_arrive(Side side)
    {
        var node = await nodes.OfAsync(side);
        await EchoAsync(node, node.From(Client), $"{node.Pods[2].Address}:{ServiceNode.Port}");
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task Large_pings_to_external_hosts_are_answered(Side side)
    {
        var node = await nodes.OfAsync(side);
        await node.MasqueradeOutgoingAsync();
        var ping = await Shell.RunLineAsync(node.Pods[3].Namespace, $"ping -n -s {Size} -i 0.2 -c 3 -w 20 {Outside.ClientAddress}");
        Assert.True(ping.Output.Contains("3 received", StringComparison.Ordinal), $"{ping.Output}{ping.Error}{await node.DescribeAsync()}");
    }

    // The server echoes the datagram, so the reply is fragmented as well.
    private static async Task EchoAsync(IServiceNode node, Client client, string to)
    {
        using var socket = client.Open(ProtocolType.Udp);
        await socket.ConnectAsync(IPEndPoint.Parse(to));
        var text = new string('x', Size);
        var buffer = new byte[4096];
        for (var attempt = 1; ; attempt++)
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(text));
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
            try
            {
                Assert.EndsWith(text, Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token)),
                    StringComparison.Ordinal);
                return;
            }
            catch (OperationCanceledException) when (attempt < 4)
            {
                // A datagram may be lost on a busy machine.
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"{to}: no answer to a datagram of {Size} bytes; {await node.DescribeAsync()}");
            }
        }
    }
}
