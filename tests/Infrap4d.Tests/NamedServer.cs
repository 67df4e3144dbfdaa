using System.Net;
using System.Net.Sockets;
using System.Text;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>A TCP server in a pod that sends the pod's name to each client.</summary>
internal sealed class NamedServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="netns">The pod's namespace.</param>
    /// <param name="name">The name that it sends.</param>
    public NamedServer(string netns, string name)
    {
        _listener = Make(netns);
        _listener.Bind(new IPEndPoint(IPAddress.Any, 8080));
        _listener.Listen(64);
        _serving = ServeAsync(Encoding.ASCII.GetBytes(name));
    }

    /// <summary>The name that the endpoint sends; null if there is no answer within two seconds.</summary>
    public static async Task<string?> AskAsync(string netns, string endpoint)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        using var socket = Make(netns);
        try
        {
            await socket.ConnectAsync(IPEndPoint.Parse(endpoint), limit.Token);
            var buffer = new byte[64];
            var length = await socket.ReceiveAsync(buffer, limit.Token);
            return length == 0 ? null : Encoding.ASCII.GetString(buffer, 0, length);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Whether the endpoint refuses a connection within two seconds; false if it accepts or does not answer.</summary>
    public static async Task<bool> IsRefusedAsync(string netns, string endpoint)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        using var socket = Make(netns);
        try
        {
            await socket.ConnectAsync(IPEndPoint.Parse(endpoint), limit.Token);
            return false;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return e is SocketException { SocketErrorCode: SocketError.ConnectionRefused };
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving;
        _stop.Dispose();
    }

    private static Socket Make(string netns)
    {
        using var handle = NetNamespace.Open($"/run/netns/{netns}");
        return handle.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
    }

    private async Task ServeAsync(byte[] name)
    {
        try
        {
            while (true)
            {
                using var client = await _listener.AcceptAsync(_stop.Token);
                await client.SendAsync(name, _stop.Token);
                client.Shutdown(SocketShutdown.Send);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }
}
