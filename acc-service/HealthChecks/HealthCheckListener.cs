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

    private readonly HealthCheck _check;
    private readonly Func<bool> _isHealthy;
    private readonly HttpServer _server;
    private volatile int _ready;

    private HealthCheckListener(IPEndPoint address, HealthCheck check, Func<bool> isHealthy)
    {
        _check = check;
        _isHealthy = isHealthy;
        _ready = check.Ready;
        _server = HttpServer.Start(new HttpServerOptions(address, AnswerAsync) { MaxConnections = MaxConnections });
    }

    /// <summary>The number of addresses with ready backends on this node.</summary>
    public int Ready
    {
        set => _ready = value;
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

        var ready = _ready;
        var healthy = _isHealthy();
        var body = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(body))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("service");
            writer.WriteString("namespace", _check.Namespace);
            writer.WriteString("name", _check.Name);
            writer.WriteEndObject();
            writer.WriteNumber("localEndpoints", ready);
            writer.WriteBoolean("serviceProxyHealthy", healthy);
            writer.WriteEndObject();
        }

        return ValueTask.FromResult(new HttpAnswer(ready > 0 && healthy ? "200 OK" : "503 Service Unavailable", "application/json",
            body.WrittenMemory)
        {
            Header = $"X-Load-Balancing-Endpoint-Weight: {ready.ToString(CultureInfo.InvariantCulture)}",
        });
    }
}
