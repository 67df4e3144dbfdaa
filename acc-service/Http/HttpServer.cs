using System.Net;
using System.Net.Sockets;

namespace ACCOffload.Http;

/// <summary>
/// Answers short requests, one on each connection. Not Kestrel: the agent's executable is also the CNI plugin, which must start fast.
/// Connections are limited in number, time and bytes.
/// </summary>
public sealed class HttpServer : IAsyncDisposable
{
    private readonly HttpServerOptions _options;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly List<HttpConnection> _open = [];
    private readonly Task _accepting;

    private HttpServer(HttpServerOptions options, Socket listener)
    {
        _options = options;
        _listener = listener;
        Address = (IPEndPoint)listener.LocalEndPoint!;
        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>The address that it listens on, with the actual port if port 0 was configured.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Starts listening.</summary>
    /// <exception cref="SocketException">The address can't be bound.</exception>
    public static HttpServer Start(HttpServerOptions options)
    {
        var socket = new Socket(options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(options.Listen);
            socket.Listen(options.MaxConnections);
            return new HttpServer(options, socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Stops listening and ends all connections.</summary>
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
                _options.NotAccepted(e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), CancellationToken.None);
            }
        }
    }

    private void Serve(Socket socket)
    {
        var connection = new HttpConnection(socket, _options);
        HttpConnection? victim = null;
        lock (_lock)
        {
            if (_open.Count >= _options.MaxConnections)
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
}
