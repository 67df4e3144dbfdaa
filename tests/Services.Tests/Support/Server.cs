using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ACCOffload.Services.Tests.Support;

/// <summary>
/// A server on a TCP and a UDP port of the same number. It sends its name and the client's endpoint, and echoes each line or datagram
/// with its name as prefix.
/// </summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, byte> _connections = new();
    private readonly Socket _listener;
    private readonly Socket _datagrams;
    private readonly Task[] _running;

    public Server(string netns, string name, int port, string? address = null)
    {
        Name = name;
        var bound = new IPEndPoint(address is null ? IPAddress.Any : IPAddress.Parse(address), port);
        _listener = Sockets.Make(netns, ProtocolType.Tcp, bound);
        _listener.Listen(128);
        _datagrams = Sockets.Make(netns, ProtocolType.Udp, bound);
        _running = [Task.Run(AcceptAsync), Task.Run(AnswerDatagramsAsync)];
    }

    public string Name { get; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        _datagrams.Dispose();
        foreach (var connection in _connections.Keys)
        {
            connection.Dispose();
        }

        await Task.WhenAll(_running).WaitAsync(TimeSpan.FromSeconds(30));
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var connection = await _listener.AcceptAsync(_stop.Token);
                _connections.TryAdd(connection, 0);
                _ = Task.Run(() => ServeAsync(connection));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // The client gave up before the accept, or the server was disposed.
            }
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        try
        {
            connection.NoDelay = true;
            var stream = new NetworkStream(connection);
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"{Name} {connection.RemoteEndPoint}\n"));
            using var reader = new StreamReader(stream);
            while (await reader.ReadLineAsync(_stop.Token) is { } line)
            {
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"{Name} {line}\n"));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            _connections.TryRemove(connection, out _);
            connection.Dispose();
        }
    }

    private async Task AnswerDatagramsAsync()
    {
        var buffer = new byte[4096];
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                var got = await _datagrams.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                var text = Encoding.ASCII.GetString(buffer, 0, got.ReceivedBytes);
                await _datagrams.SendToAsync(Encoding.ASCII.GetBytes($"{Name} {got.RemoteEndPoint} {text}"), got.RemoteEndPoint,
                    _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
            }
        }
    }
}
