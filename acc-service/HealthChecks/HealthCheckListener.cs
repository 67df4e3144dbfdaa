using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ACCOffload.Http;

namespace ACCOffload.HealthChecks;

/// <summary>Answers the health check of one service at one address. Whatever is asked, the answer is the same.</summary>
internal sealed class HealthCheckListener : IAsyncDisposable
{
    // Clients are outside the cluster, so connections are limited.
    private const int MaxConnections = 64;

    private readonly Func<bool> _isHealthy;
    private readonly HttpServer _server;
    private volatile HealthCheck _check;

    private HealthCheckListener(IPEndPoint address, HealthCheck check, Func<bool> isHealthy)
    {
        _check = check;
        _isHealthy = isHealthy;
        _server = HttpServer.Start(new HttpServerOptions(address, AnswerAsync) { MaxConnections = MaxConnections });
    }

    /// <summary>The latest state of the service.</summary>
    public HealthCheck Check
    {
        set => _check = value;
    }

    /// <exception cref="SocketException">The address can't be bound.</exception>
    public static HealthCheckListener Start(IPEndPoint address, HealthCheck check, Func<bool> isHealthy) => new(address, check, isHealthy);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private ValueTask<HttpAnswer> AnswerAsync(HttpRequestHead? request, CancellationToken cancellationToken)
    {
        if (request is null)
        {
            return ValueTask.FromResult(HttpAnswer.Line("400 Bad Request", "the request is invalid or too long"));
        }

        var check = _check;
        var healthy = _isHealthy();
        var body = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("service");
            writer.WriteString("namespace", check.Namespace);
            writer.WriteString("name", check.Name);
            writer.WriteEndObject();
            writer.WriteNumber("localEndpoints", check.Ready);
            writer.WriteBoolean("serviceProxyHealthy", healthy);
            writer.WriteEndObject();
        }

        return ValueTask.FromResult(new HttpAnswer(check.Ready > 0 && healthy ? "200 OK" : "503 Service Unavailable", "application/json",
            body.WrittenMemory)
        {
            Header = $"X-Load-Balancing-Endpoint-Weight: {check.Ready.ToString(CultureInfo.InvariantCulture)}",
        });
    }
}
