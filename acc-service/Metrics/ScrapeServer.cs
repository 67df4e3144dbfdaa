using System.Net;
using System.Net.Sockets;

namespace ACCOffload.Metrics;

/// <summary>
/// Serves GET /metrics. Not Kestrel: the agent's executable is also the CNI plugin, which must start fast. Connections are limited in
/// number, time and bytes; each carries one request.
/// </summary>
public sealed partial class ScrapeServer : IAsyncDisposable
{
    /// <summary>Maximum number of connections. Beyond it, the address with the most connections loses its oldest one.</summary>
    public const int MaxConnections = 16;

    private readonly ScrapeOptions _options;
    private readonly MetricExporter _exporter;
    private readonly ILogger _logger;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly List<ScrapeConnection> _open = [];
    private readonly Task _accepting;

    private ScrapeServer(ScrapeOptions options, MetricExporter exporter, Socket listener, ILogger logger)
    {
        _options = options;
        _exporter = exporter;
        _listener = listener;
        _logger = logger;
        Address = (IPEndPoint)listener.LocalEndPoint!;
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>The address that it listens on, with the actual port if port 0 was configured.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Starts listening. The server disposes of the exporter.</summary>
    /// <exception cref="ConfigurationException">The address can't be bound.</exception>
    public static ScrapeServer Start(ScrapeOptions options, MetricExporter exporter, ILogger logger)
    {
        if (options.Terms is null && !MetricsListen.IsLocal(options.Listen))
        {
            throw new ArgumentException("an address that others can reach needs TLS", nameof(options));
        }

        var socket = new Socket(options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(options.Listen);
            socket.Listen(MaxConnections);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            exporter.Dispose();
            throw new ConfigurationException(new ConfigurationError(
                options.Source, MetricsListen.Key, options.Listen.ToString(), $"cannot be bound: {e.Message}",
                "stop the program that uses it, or change the address"));
        }
        var server = new ScrapeServer(options, exporter, socket, logger);
        server.LogServing(server.Address, options.Terms is null ? "to this machine only" : "under mutual TLS");
        return server;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        Task[] running;
        lock (_lock)
        {
            running = [.. _open.Select(c => c.Running)];
        }

        await Task.WhenAll(running);
        _exporter.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Serve(await _listener.AcceptAsync(_stop.Token));
            }
            catch (Exception e) when (
                _stop.IsCancellationRequested && e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // The client closed it before it was accepted.
            }
            catch (SocketException e)
            {
                // For example, no free file descriptors, which is temporary.
                LogNotAccepted(e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
            }
        }
    }

    private void Serve(Socket socket)
    {
        var connection = new ScrapeConnection(socket, _options, _exporter);
        ScrapeConnection? victim = null;
        lock (_lock)
        {
            if (_open.Count >= MaxConnections)
            {
                var crowd = _open.CountBy(c => c.Peer).MaxBy(c => c.Value).Key;
                victim = _open.Find(c => c.Peer == crowd)!;
                _open.Remove(victim);
            }
            _open.Add(connection);
            connection.Running = Task.Run(async () =>
            {
                await connection.RunAsync(_stop.Token);
                lock (_lock)
                {
                    _open.Remove(connection);
                }
            });
        }
        victim?.Close();
    }

    [LoggerMessage(EventId = 2200, Level = LogLevel.Information, Message = "Serving metrics on {Address}, {How}")]
    private partial void LogServing(IPEndPoint address, string how);

    [LoggerMessage(EventId = 2201, Level = LogLevel.Warning, Message = "A metrics connection could not be accepted: {Reason}")]
    private partial void LogNotAccepted(string reason);
}
