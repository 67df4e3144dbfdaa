using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ACCOffload.Services.Tests.Support;

/// <summary>A client in a network namespace.</summary>
/// <param name="netns">The namespace.</param>
/// <param name="address">The source address; null to let the kernel choose.</param>
/// <param name="port">The source port of all flows, as with NFS or <c>nc -p</c>; 0 to let the kernel choose.</param>
internal sealed class Client(string netns, string? address = null, int port = 0)
{
    // Generous, because a datagram may be lost and the machine may be busy.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan DatagramTimeout = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ShortTimeout = TimeSpan.FromMilliseconds(800);

    /// <summary>The same client with a fixed source port.</summary>
    public Client Fixed(int sourcePort) => new(netns, address, sourcePort);

    public Task<Answer> AskAsync(ProtocolType protocol, string to, bool shortTimeout = false) =>
        protocol == ProtocolType.Tcp ? AskTcpAsync(to, shortTimeout) : AskUdpAsync(to, shortTimeout);

    /// <summary>Opens a connection and closes it after the response.</summary>
    public async Task<Answer> AskTcpAsync(string to, bool shortTimeout = false)
    {
        using var socket = Open(ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(shortTimeout ? ShortTimeout : Timeout);
        try
        {
            await socket.ConnectAsync(IPEndPoint.Parse(to), limit.Token);
            using var reader = new StreamReader(new NetworkStream(socket));
            var words = (await reader.ReadLineAsync(limit.Token) ?? throw new IOException("closed without an answer")).Split(' ');
            return new Answer(words[0], IPEndPoint.Parse(words[1]), (IPEndPoint)socket.LocalEndPoint!);
        }
        catch (Exception e) when (Failure(e) is { } failure)
        {
            return new Answer(failure, null, (IPEndPoint)socket.LocalEndPoint!);
        }
    }

    /// <summary>Opens connections until a server responds, at most ten times a second and for 20 seconds.</summary>
    public async Task<Answer> RetryTcpAsync(string to)
    {
        var deadline = DateTime.UtcNow + Timeout;
        while (true)
        {
            var answer = await AskTcpAsync(to, shortTimeout: true);
            if (answer.Seen is not null || DateTime.UtcNow > deadline)
            {
                return answer;
            }

            await Task.Delay(100);
        }
    }

    /// <summary>Sends more data than the initial window, so that full segments are used, and receives it back.</summary>
    public async Task EchoAsync(string to, int length = 200_000)
    {
        using var limit = new CancellationTokenSource(Timeout + Timeout);
        using var socket = Open(ProtocolType.Tcp);
        await socket.ConnectAsync(IPEndPoint.Parse(to), limit.Token);
        var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await reader.ReadLineAsync(limit.Token);
        var text = new string('x', length);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{text}\n"), limit.Token);
        try
        {
            Assert.EndsWith(text, await reader.ReadLineAsync(limit.Token), StringComparison.Ordinal);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"{to}: not all of {length} bytes came back in time: packets are lost at the link with the small MTU");
        }
    }

    /// <summary>Opens a datagram flow and repeats the datagram until it is answered.</summary>
    public async Task<Answer> AskUdpAsync(string to, bool shortTimeout = false)
    {
        using var flow = OpenUdp(to);
        return await flow.AskAsync(shortTimeout);
    }

    public UdpFlow OpenUdp(string to)
    {
        var socket = Open(ProtocolType.Udp);
        try
        {
            socket.Connect(IPEndPoint.Parse(to));
            return new UdpFlow(socket, DatagramTimeout, ShortTimeout);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Opens a connection that stays open and constantly exchanges data.</summary>
    public async Task<HeldConnection> HoldAsync(string to)
    {
        var socket = Open(ProtocolType.Tcp);
        try
        {
            using var limit = new CancellationTokenSource(Timeout);
            await socket.ConnectAsync(IPEndPoint.Parse(to), limit.Token);
            return await HeldConnection.StartAsync(socket, to, limit.Token);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Repeats a datagram until it is answered, and returns the response.</summary>
    public async Task<byte[]> ExchangeAsync(string to, byte[] request)
    {
        using var socket = Open(ProtocolType.Udp);
        await socket.ConnectAsync(IPEndPoint.Parse(to));
        var buffer = new byte[2048];
        for (var attempt = 0; ; attempt++)
        {
            await socket.SendAsync(request);
            using var limit = new CancellationTokenSource(DatagramTimeout);
            try
            {
                return buffer[..await socket.ReceiveAsync(buffer, limit.Token)];
            }
            catch (OperationCanceledException) when (attempt < 10)
            {
            }
        }
    }

    /// <summary>The whole response of a web server to GET /; empty if the request fails.</summary>
    public async Task<string> GetAsync(string to)
    {
        using var socket = Open(ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(Timeout);
        try
        {
            await socket.ConnectAsync(IPEndPoint.Parse(to), limit.Token);
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n"), limit.Token);
            using var reader = new StreamReader(new NetworkStream(socket));
            return await reader.ReadToEndAsync(limit.Token);
        }
        catch (Exception e) when (Failure(e) is not null)
        {
            return "";
        }
    }

    public Socket Open(ProtocolType protocol)
    {
        var bound = address is null && port == 0 ? null : new IPEndPoint(address is null ? IPAddress.Any : IPAddress.Parse(address), port);
        var socket = Sockets.Make(netns, protocol, bound, shared: port != 0);
        // Close with a reset: after an orderly close the port would be in TIME_WAIT and could not be reused.
        if (port != 0 && protocol == ProtocolType.Tcp)
        {
            socket.LingerState = new LingerOption(true, 0);
        }

        return socket;
    }

    internal static string? Failure(Exception e) => e switch
    {
        SocketException s => s.SocketErrorCode switch
        {
            SocketError.ConnectionRefused => Answer.Refused,
            SocketError.ConnectionReset => Answer.Reset,
            SocketError.HostUnreachable => Answer.Unreachable,
            _ => null,
        },
        IOException { InnerException: SocketException inner } => Failure(inner),
        OperationCanceledException => Answer.Silent,
        _ => null,
    };
}

/// <summary>A datagram flow from one source port to one destination.</summary>
internal sealed class UdpFlow(Socket socket, TimeSpan timeout, TimeSpan reducedTimeout) : IDisposable
{
    private const int Attempts = 6;
    private int _number;

    /// <summary>Sends until a response to one of the datagrams arrives.</summary>
    public async Task<Answer> AskAsync(bool shortTimeout = false)
    {
        var own = (IPEndPoint)socket.LocalEndPoint!;
        var buffer = new byte[2048];
        for (var attempt = 0; attempt < (shortTimeout ? 2 : Attempts); attempt++)
        {
            var text = $"{++_number}";
            using var limit = new CancellationTokenSource(shortTimeout ? reducedTimeout : timeout);
            try
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes(text), limit.Token);
                while (true)
                {
                    var words = Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token)).Split(' ');
                    // Ignore late responses to earlier requests.
                    if (words[2] == text)
                    {
                        return new Answer(words[0], IPEndPoint.Parse(words[1]), own);
                    }
                }
            }
            catch (OperationCanceledException)
            {
            }
            catch (SocketException e) when (Client.Failure(e) is { } failure)
            {
                return new Answer(failure, null, own);
            }
        }

        return new Answer(Answer.Silent, null, own);
    }

    public void Dispose() => socket.Dispose();
}
