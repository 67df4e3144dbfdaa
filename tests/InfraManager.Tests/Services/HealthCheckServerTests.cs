using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Tests.Fixtures;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>What a load balancer is told, as kube-proxy 1.31 tells it.</summary>
public sealed class HealthCheckServerTests
{
    private static readonly ServiceKey Key = new("default", "web");

    [Fact]
    public async Task Tells_whether_this_node_has_a_ready_backend_and_follows_the_service()
    {
        using var log = new LogCapture();
        using var client = new HttpClient();
        using var stop = new CancellationTokenSource();
        var healthy = true;
        await using var server = new HealthCheckServer(IPAddress.Loopback, () => healthy, log, log.CreateLogger("Kubernetes"));
        var running = Task.Run(() => server.RunAsync(stop.Token));
        var (first, second) = (FreePort(), FreePort());

        server.Set(Key, Spec(first, 2));
        await Eventually.TrueAsync(() => server.Addresses.Count == 1, "no listener");
        Assert.Equal((HttpStatusCode.OK, """{"service":{"namespace":"default","name":"web"},"localEndpoints":2,"serviceProxyHealthy":true}""", "2"), await AskAsync(first));
        server.Set(Key, Spec(first, 0));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.ServiceUnavailable, "still ready");
        server.Set(Key, Spec(first, 1));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.OK, "not ready");
        healthy = false;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"service":{"namespace":"default","name":"web"},"localEndpoints":1,"serviceProxyHealthy":false}""", "1"), await AskAsync(first));
        healthy = true;

        server.Set(Key, Spec(second, 1));
        await Eventually.TrueAsync(() => server.Addresses.Values.Any(a => a.Port == second), "not moved");
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(second)).Code);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(first));
        // Opened and closed at once: closed is what stays.
        server.Set(new ServiceKey("default", "short"), Spec(first, 1) with { Key = new ServiceKey("default", "short") });
        server.Set(new ServiceKey("default", "short"), null);
        server.Set(Key, null);
        await Eventually.TrueAsync(() => server.Addresses.Count == 0, "still there");

        using var taken = new TcpListener(IPAddress.Loopback, first);
        taken.Start();
        server.Set(Key, Spec(first, 1));
        await Eventually.TrueAsync(() => log.Matching("can't be answered").Any(), "not told");
        await stop.CancelAsync();
        await running;

        async Task<(HttpStatusCode Code, string Body, string Weight)> AskAsync(int port)
        {
            using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/"));
            return (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.GetValues("X-Load-Balancing-Endpoint-Weight").Single());
        }
    }

    private static ServiceSpec Spec(int port, int ready) => new(Key, []) { HealthCheckNodePort = (ushort)port, ReadyHere = ready };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
