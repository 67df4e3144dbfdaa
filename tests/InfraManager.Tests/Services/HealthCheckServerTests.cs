using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>Health checks as kube-proxy 1.31 answers them.</summary>
public sealed class HealthCheckServerTests
{
    private static readonly ServiceKey Key = new("default", "web");

    [Fact]
    public async Task Reports_whether_this_node_has_a_ready_backend_and_follows_the_service()
    {
        using var log = new LogCollector();
        using var client = new HttpClient();
        using var stop = new CancellationTokenSource();
        var healthy = true;
        await using var server = new HealthCheckServer(IPAddress.Loopback, () => healthy, log, log.CreateLogger("Kubernetes"));
        var running = Task.Run(() => server.RunAsync(stop.Token));
        var (first, second) = (FreePort(), FreePort());

        server.Update(Key, Spec(first, 2));
        await Eventually.TrueAsync(() => IsServedAsync(first), "no listener");
        Assert.Equal((HttpStatusCode.OK, Body(2, healthy: true), "2"), await AskAsync(first));
        server.Update(Key, Spec(first, 0));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.ServiceUnavailable, "still ready");
        server.Update(Key, Spec(first, 1));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.OK, "not ready");
        healthy = false;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, Body(1, healthy: false), "1"), await AskAsync(first));
        healthy = true;

        server.Update(Key, Spec(second, 1));
        await Eventually.TrueAsync(() => IsServedAsync(second), "not moved");
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(second)).Code);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(first));
        // A service that is added and removed at once leaves no listener open.
        server.Update(new ServiceKey("default", "short"), Spec(first, 1) with { Key = new ServiceKey("default", "short") });
        server.Update(new ServiceKey("default", "short"), null);
        server.Update(Key, null);
        await Eventually.TrueAsync(async () => !await IsServedAsync(first) && !await IsServedAsync(second), "still served");

        using var taken = new TcpListener(IPAddress.Loopback, first);
        taken.Start();
        server.Update(Key, Spec(first, 1));
        await Eventually.TrueAsync(() => log.Matching("Cannot serve the health check").Any(), "no log line");
        await stop.CancelAsync();
        await running;

        async Task<(HttpStatusCode Code, string Body, string Weight)> AskAsync(int port)
        {
            using var response = await client.GetAsync(new Uri($"http://127.0.0.1:{port}/"));
            var weight = response.Headers.GetValues("X-Load-Balancing-Endpoint-Weight").Single();
            return (response.StatusCode, await response.Content.ReadAsStringAsync(), weight);
        }

        async Task<bool> IsServedAsync(int port)
        {
            try
            {
                await AskAsync(port);
                return true;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }

        static string Body(int endpoints, bool healthy)
        {
            const string Service = """{"namespace":"default","name":"web"}""";
            return $$"""{"service":{{Service}},"localEndpoints":{{endpoints}},"serviceProxyHealthy":{{(healthy ? "true" : "false")}}}""";
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
