using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.TestKit.Labs;

/// <summary>A TCP stream between two namespaces, checked byte by byte.</summary>
public static class TcpTransfer
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    /// <param name="serverNamespace">The server's network namespace.</param>
    /// <param name="serverAddress">The address to listen on.</param>
    /// <param name="clientNamespace">The client's network namespace.</param>
    /// <param name="bytes">The number of bytes that the client sends.</param>
    /// <param name="port">The server's port; 0 for any.</param>
    /// <param name="through">The endpoint that the client connects to; null for the server itself.</param>
    public static async Task SendAsync(string serverNamespace, string serverAddress, string clientNamespace, int bytes, int port = 0,
        string? through = null)
    {
        using var timeout = new CancellationTokenSource(Limit);
        // A socket belongs to the namespace it was created in, no matter which thread uses it.
        using var listener = Make(serverNamespace, socket =>
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(serverAddress), port));
            socket.Listen(1);
        });
        using var client = Make(clientNamespace, _ => { });
        var accepting = listener.AcceptAsync(timeout.Token);
        await client.ConnectAsync(through is null ? listener.LocalEndPoint! : IPEndPoint.Parse(through), timeout.Token);
        using var server = await accepting;

        var data = new byte[bytes];
        new Random(1).NextBytes(data);
        var received = new byte[bytes];
        var receiving = Task.Run(
            async () =>
            {
                var count = 0;
                while (count < bytes)
                {
                    var read = await server.ReceiveAsync(received.AsMemory(count), timeout.Token);
                    if (read == 0)
                    {
                        throw new IOException($"the stream ended after {count} bytes");
                    }

                    count += read;
                }
            },
            timeout.Token);
        for (var sent = 0; sent < bytes;)
        {
            sent += await client.SendAsync(data.AsMemory(sent, Math.Min(1 << 16, bytes - sent)), timeout.Token);
        }

        await receiving;
        Assert.True(data.AsSpan().SequenceEqual(received), "the server received different bytes than were sent");
    }

    private static Socket Make(string netns, Action<Socket> prepare)
    {
        using var handle = NetNamespace.Open($"/run/netns/{netns}");
        return handle.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            prepare(socket);
            return socket;
        });
    }
}
