using System.Net;
using System.Net.Sockets;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.Services.Tests.Survival;

/// <summary>Connections that are idle for minutes, on nodes with shortened timeouts; session affinity, in real time.</summary>
public sealed class TimerTests
{
    private const int Speed = 60;
    private const int Port = 7070;

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_half_closed_connection_survives_idle_time(Side side)
    {
        await using var node = await BothNodes.StartAsync(side, pods: 2, Speed);
        var (client, server) = await ConnectAsync(node);
        using (client)
        using (server)
        {
            client.Shutdown(SocketShutdown.Send);
            await ReceiveAsync(server, length: 0);
            await PassAsync(TimeSpan.FromMinutes(4));
            await server.SendAsync("late"u8.ToArray());
            await ReceiveAsync(client, length: 4);
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_connection_survives_idle_time_before_its_first_byte(Side side)
    {
        await using var node = await BothNodes.StartAsync(side, pods: 2, Speed);
        var (client, server) = await ConnectAsync(node);
        using (client)
        using (server)
        {
            await PassAsync(TimeSpan.FromMinutes(8));
            await client.SendAsync("late"u8.ToArray());
            await ReceiveAsync(server, length: 4);
            await server.SendAsync("answer"u8.ToArray());
            await ReceiveAsync(client, length: 6);
        }
    }

    [Theory]
    [OnKernel]
    [OnPipeline]
    public async Task A_clients_affinity_ends_after_its_timeout_from_its_last_connection(Side side)
    {
        // In real time, because the control plane's clock measures the timeout. Not one of the timeouts that p4c offers.
        const int Timeout = 14;
        await using var node = await BothNodes.StartAsync(side, pods: 5);
        var service = Kube.Service("web", "10.96.4.20", ("tcp", "TCP", 80, 30420)).With("spec.type", "NodePort")
            .With("spec.sessionAffinity", "ClientIP").With("spec.sessionAffinityConfig.clientIP.timeoutSeconds", Timeout);
        await SetAsync(1);
        Assert.All(await AskAsync(), Is1);
        await SetAsync(1, 2, 3, 4, 5);
        for (var i = 0; i < 3; i++)
        {
            // Leaves some time for the connections themselves.
            await Task.Delay(TimeSpan.FromSeconds(Timeout - 4));
            Assert.All(await AskAsync(), Is1);
        }

        await Task.Delay(TimeSpan.FromSeconds(Timeout * 1.1));
        // Each of six clients would choose one of five servers.
        Assert.Contains(await AskAsync(), a => !a.StartsWith("1:", StringComparison.Ordinal));

        Task SetAsync(params int[] pods) => node.SetClusterAsync(service,
            Kube.Slice("s", "web", [("tcp", "TCP", ServiceNode.Port)], [.. pods.Select(node.Endpoint)]));

        async Task<string[]> AskAsync() => [(await node.ExternalClient.AskTcpAsync($"{ServiceNode.NodeAddress}:30420")).Server,
            .. await Task.WhenAll(Enumerable.Range(1, 5).Select(async p => (await node.From(p).AskTcpAsync("10.96.4.20:80")).Server))];

        static void Is1(string server) => Assert.StartsWith("1:", server, StringComparison.Ordinal);
    }

    private static Task PassAsync(TimeSpan time) => Task.Delay(time / Speed);

    // Not the pods' own servers, because they send data immediately.
    private static async Task<(Socket Client, Socket Server)> ConnectAsync(IServiceNode node)
    {
        await node.SetClusterAsync(Kube.Service("web", "10.96.4.10", ("tcp", "TCP", 80, 0)),
            Kube.Slice("s", "web", [("tcp", "TCP", Port)], node.Endpoint(1)));
        using var listener = Sockets.Make(node.Pods[1].Namespace, ProtocolType.Tcp, new IPEndPoint(IPAddress.Any, Port));
        listener.Listen();
        using var limit = Limit();
        var client = node.From(2).Open(ProtocolType.Tcp);
        await client.ConnectAsync(IPEndPoint.Parse("10.96.4.10:80"), limit.Token);
        return (client, await listener.AcceptAsync(limit.Token));
    }

    private static async Task ReceiveAsync(Socket socket, int length)
    {
        using var limit = Limit();
        Assert.Equal(length, await socket.ReceiveAsync(new byte[100], limit.Token));
    }

    private static CancellationTokenSource Limit() => new(TimeSpan.FromSeconds(20));
}
