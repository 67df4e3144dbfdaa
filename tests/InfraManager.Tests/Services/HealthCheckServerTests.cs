using System.Net;
using System.Net.Sockets;
using ACCOffload.HealthChecks;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>Health checks as kube-proxy 1.31 answers them.</summary>
public sealed class HealthCheckServerTests
{
    private static readonly (string, string) Key = ("default", "web");

    [Fact]
    public async Task Reports_whether_this_node_has_a_ready_backend_and_follows_the_service()
    {
        using var log = new LogCollector();
        using var client = new HttpClient();
        using var stop = new CancellationTokenSource();
        var healthy = true;
        await using var server = new HealthCheckServer(() => healthy, log.CreateLogger("Kubernetes"));
        server.SetAddresses([IPAddress.Loopback]);
        var running = Task.Run(() => server.RunAsync(stop.Token));
        var (first, second) = (FreePort(), FreePort());

        server.Set(Key, Check(first, 2));
        await Eventually.TrueAsync(() => IsServedAsync(first), "no listener");
        Assert.Equal((HttpStatusCode.OK, Body(2, healthy: true), "2"), await AskAsync(first));
        server.Set(Key, Check(first, 0));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.ServiceUnavailable, "still ready");
        server.Set(Key, Check(first, 1));
        await Eventually.TrueAsync(async () => (await AskAsync(first)).Code == HttpStatusCode.OK, "not ready");
        healthy = false;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, Body(1, healthy: false), "1"), await AskAsync(first));
        healthy = true;

        server.Set(Key, Check(second, 1));
        await Eventually.TrueAsync(() => IsServedAsync(second), "not moved");
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(second)).Code);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(first));
        // A service that is added and removed at once leaves no listener open.
        server.Set(("default", "short"), Check(first, 1) with { Name = "short" });
        server.Set(("default", "short"), null);
        server.Set(Key, null);
        await Eventually.TrueAsync(async () => !await IsServedAsync(first) && !await IsServedAsync(second), "still served");

        using var taken = new TcpListener(IPAddress.Loopback, first);
        taken.Start();
        server.Set(Key, Check(first, 1));
        await Eventually.TrueAsync(() => log.Matching("Cannot serve the health check").Any(), "no log line");
        // It is served as soon as the other program has gone.
        taken.Stop();
        await Eventually.TrueAsync(() => IsServedAsync(first), "not retried");
        Assert.Single(log.Matching("Cannot serve the health check"));

        // All at once, as host-stub's agent sets them.
        server.Replace([IPAddress.Loopback, IPAddress.Parse("127.0.0.2")], [Check(second, 3)]);
        await Eventually.TrueAsync(async () => await IsServedAsync(second) && await IsServedAsync(second, "127.0.0.2"), "not replaced");
        Assert.False(await IsServedAsync(first));
        server.Replace([IPAddress.Parse("127.0.0.2")], [Check(second, 3)]);
        await Eventually.TrueAsync(async () => !await IsServedAsync(second), "still at the former address");
        Assert.True(await IsServedAsync(second, "127.0.0.2"));
        await stop.CancelAsync();
        await running;

        async Task<(HttpStatusCode Code, string Body, string Weight)> AskAsync(int port, string address = "127.0.0.1")
        {
            using var response = await client.GetAsync(new Uri($"http://{address}:{port}/"));
            var weight = response.Headers.GetValues("X-Load-Balancing-Endpoint-Weight").Single();
            return (response.StatusCode, await response.Content.ReadAsStringAsync(), weight);
        }

        async Task<bool> IsServedAsync(int port, string address = "127.0.0.1")
        {
            try
            {
                await AskAsync(port, address);
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

    private static HealthCheck Check(int port, int ready) => new("default", "web", (ushort)port, ready);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
