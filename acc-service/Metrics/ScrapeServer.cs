using System.Net;
using System.Net.Sockets;
using ACCOffload.Http;

namespace ACCOffload.Metrics;

/// <summary>Serves GET /metrics.</summary>
public sealed partial class ScrapeServer : IAsyncDisposable
{
    /// <summary>Maximum number of connections. Beyond it, the address with the most connections loses its oldest one.</summary>
    public const int MaxConnections = 16;

    private readonly HttpServer _server;
    private readonly MetricExporter _exporter;
    private readonly ILogger _logger;

    private ScrapeServer(ScrapeOptions options, MetricExporter exporter, ILogger logger)
    {
        _exporter = exporter;
        _logger = logger;
        _server = HttpServer.Start(new HttpServerOptions(options.Listen, AnswerAsync)
        {
            MaxConnections = MaxConnections,
            Terms = options.Terms,
            Refused = options.Refused,
            NotAccepted = LogNotAccepted,
        });
    }

    /// <summary>The address that it listens on, with the actual port if port 0 was configured.</summary>
    public IPEndPoint Address => _server.Address;

    /// <summary>Starts listening. The server disposes of the exporter.</summary>
    /// <exception cref="ConfigurationException">The address can't be bound.</exception>
    public static ScrapeServer Start(ScrapeOptions options, MetricExporter exporter, ILogger logger)
    {
        if (options.Terms is null && !MetricsListen.IsLocal(options.Listen))
        {
            throw new ArgumentException("an address that others can reach needs TLS", nameof(options));
        }

        try
        {
            var server = new ScrapeServer(options, exporter, logger);
            server.LogServing(server.Address, options.Terms is null ? "to this machine only" : "under mutual TLS");
            return server;
        }
        catch (SocketException e)
        {
            exporter.Dispose();
            throw new ConfigurationException(new ConfigurationError(
                options.Source, MetricsListen.Key, options.Listen.ToString(), $"cannot be bound: {e.Message}",
                "stop the program that uses it, or change the address"));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _exporter.Dispose();
    }

    private async ValueTask<HttpAnswer> AnswerAsync(HttpRequestHead? request, CancellationToken cancellationToken)
    {
        var format = ExpositionFormats.Negotiate(request?.Accept ?? "");
        return request switch
        {
            null => HttpAnswer.Line("400 Bad Request", "the request is invalid or too long"),
            { Path: not "/metrics" } => HttpAnswer.Line("404 Not Found", "metrics are at /metrics"),
            { Method: not ("GET" or "HEAD") } => HttpAnswer.Line("405 Method Not Allowed", "GET only") with { Header = "Allow: GET, HEAD" },
            _ => new HttpAnswer("200 OK", ExpositionFormats.ContentType(format), await _exporter.ScrapeAsync(format, cancellationToken)),
        };
    }

    [LoggerMessage(EventId = 2200, Level = LogLevel.Information, Message = "Serving metrics on {Address}, {How}")]
    private partial void LogServing(IPEndPoint address, string how);

    [LoggerMessage(EventId = 2201, Level = LogLevel.Warning, Message = "A metrics connection could not be accepted: {Reason}")]
    private partial void LogNotAccepted(string reason);
}
