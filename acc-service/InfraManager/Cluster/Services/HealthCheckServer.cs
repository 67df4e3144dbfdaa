using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using ACCOffload.InfraManager.State.Services;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Serves load balancers' health checks (<c>healthCheckNodePort</c>): 200 if this node is healthy and has ready backends of the service,
/// otherwise 503, and their number, as in kube-proxy. One listener per service. Clients are outside the cluster, so connections and
/// requests are bounded.
/// </summary>
internal sealed partial class HealthCheckServer(
    IPAddress address, Func<bool> isHealthy, ILoggerFactory loggers, ILogger logger) : IAsyncDisposable
{
    // The size of the default node port range of Kubernetes.
    private const int MaxListeners = 2768;
    private const int MaxConnections = 64;

    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<ServiceKey, Listener> _listeners = new();
    private readonly ConcurrentDictionary<ServiceKey, bool> _known = new();
    private readonly Channel<(ServiceKey Key, ServiceSpec? Spec)> _changes =
        Channel.CreateUnbounded<(ServiceKey, ServiceSpec?)>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Queues a service's new state without waiting; null for a removed service.</summary>
    public void Update(ServiceKey key, ServiceSpec? spec)
    {
        var hasPort = spec is { HealthCheckNodePort: > 0 };
        if (hasPort)
        {
            _known[key] = true;
        }

        // Most services have no health check and never had one.
        if (hasPort || _known.TryRemove(key, out _))
        {
            _changes.Writer.TryWrite((key, spec));
        }
    }

    /// <summary>Opens and closes listeners until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var (key, spec) in _changes.Reader.ReadAllAsync(cancellationToken))
            {
                await ApplyAsync(key, spec, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var key in _listeners.Keys)
        {
            await CloseAsync(key);
        }
    }

    private async Task ApplyAsync(ServiceKey key, ServiceSpec? spec, CancellationToken cancellationToken)
    {
        var port = spec?.HealthCheckNodePort ?? 0;
        if (_listeners.TryGetValue(key, out var present))
        {
            if (present.Address.Port == port)
            {
                present.Ready = spec!.ReadyHere;
                return;
            }
            await CloseAsync(key);
        }
        if (port == 0)
        {
            return;
        }

        var endPoint = new IPEndPoint(address, port);
        if (_listeners.Count >= MaxListeners)
        {
            LogNotServing(key, endPoint, $"the limit of {MaxListeners} health checks is reached");
            return;
        }
        var listener = new Listener(key, endPoint, isHealthy) { Ready = spec!.ReadyHere };
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Listen(endPoint);
        options.Limits.MaxConcurrentConnections = MaxConnections;
        options.Limits.MaxRequestBodySize = 0;
        options.Limits.MaxRequestHeadersTotalSize = 8 << 10;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers);
        listener.Server = new KestrelServer(Options.Create(options), transport, loggers);
        try
        {
            await listener.Server.StartAsync(listener, cancellationToken);
            _listeners[key] = listener;
            LogServing(key, endPoint);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            listener.Server.Dispose();
            LogNotServing(key, endPoint, e.Message.ReplaceLineEndings(" "));
        }
    }

    private async Task CloseAsync(ServiceKey key)
    {
        if (!_listeners.TryRemove(key, out var listener))
        {
            return;
        }
        // Open connections need no graceful shutdown.
        await listener.Server!.StopAsync(new CancellationToken(canceled: true));
        listener.Server.Dispose();
    }

    private sealed class Listener(ServiceKey key, IPEndPoint address, Func<bool> isHealthy) : IHttpApplication<IFeatureCollection>
    {
        public volatile int Ready;

        public IPEndPoint Address { get; } = address;

        public KestrelServer? Server { get; set; }

        public IFeatureCollection CreateContext(IFeatureCollection contextFeatures) => contextFeatures;

        public async Task ProcessRequestAsync(IFeatureCollection context)
        {
            var ready = Ready;
            var healthy = isHealthy();
            var response = context.GetRequiredFeature<IHttpResponseFeature>();
            response.StatusCode = ready > 0 && healthy ? 200 : 503;
            response.Headers.ContentType = "application/json";
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers["X-Load-Balancing-Endpoint-Weight"] = ready.ToString(CultureInfo.InvariantCulture);
            var body = context.GetRequiredFeature<IHttpResponseBodyFeature>();
            await using (var writer = new Utf8JsonWriter(body.Writer))
            {
                writer.WriteStartObject();
                writer.WriteStartObject("service");
                writer.WriteString("namespace", key.Namespace);
                writer.WriteString("name", key.Name);
                writer.WriteEndObject();
                writer.WriteNumber("localEndpoints", ready);
                writer.WriteBoolean("serviceProxyHealthy", healthy);
                writer.WriteEndObject();
            }
            await body.CompleteAsync();
        }

        public void DisposeContext(IFeatureCollection context, Exception? exception)
        {
        }
    }

    [LoggerMessage(EventId = 4111, Level = LogLevel.Information, Message = "Serving the health check of service {Service} on {Address}")]
    private partial void LogServing(ServiceKey service, IPEndPoint address);

    [LoggerMessage(EventId = 4112, Level = LogLevel.Warning,
        Message = "Cannot serve the health check of service {Service} on {Address}: {Reason}")]
    private partial void LogNotServing(ServiceKey service, IPEndPoint address, string reason);
}
