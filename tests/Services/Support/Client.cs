using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ACCOffload.Services.Tests.Support;

/// <summary>Somebody in a network namespace who begins flows.</summary>
/// <param name="netns">The namespace.</param>
/// <param name="address">The source address; null for the namespace's choice.</param>
/// <param name="port">The source port of all its flows, as NFS or <c>nc -p</c> have it; 0 for the kernel's choice.</param>
internal sealed class Client(string netns, string? address = null, int port = 0)
{
    // A lost datagram, or a machine that is busy elsewhere, is no answer either.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan DatagramPatience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Impatience = TimeSpan.FromMilliseconds(800);

    /// <summary>The same with one source port.</summary>
    public Client Fixed(int sourcePort) => new(netns, address, sourcePort);

    public Task<Answer> AskAsync(ProtocolType protocol, string to, bool impatient = false) =>
        protocol == ProtocolType.Tcp ? AskTcpAsync(to, impatient) : AskUdpAsync(to, impatient);

    /// <summary>A new connection, ended when it was answered.</summary>
    public async Task<Answer> AskTcpAsync(string to, bool impatient = false)
    {
        using var socket = Open(ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(impatient ? Impatience : Patience);
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

    /// <summary>A new connection, tried ten times a second until a server answers.</summary>
    public async Task<Answer> RetryTcpAsync(string to)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (true)
        {
            var answer = await AskTcpAsync(to, impatient: true);
            if (answer.Seen is not null || DateTime.UtcNow > deadline)
            {
                return answer;
            }

            await Task.Delay(100);
        }
    }

    /// <summary>Sends more than goes before the first acknowledgment, so full segments for sure, and gets it back.</summary>
    public async Task EchoAsync(string to, int length = 200_000)
    {
        using var limit = new CancellationTokenSource(Patience + Patience);
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
            Assert.Fail($"{to}: nothing of {length} bytes came back in time: packets are lost at the small link");
        }
    }

    /// <summary>A new flow of datagrams, one until it is answered.</summary>
    public async Task<Answer> AskUdpAsync(string to, bool impatient = false)
    {
        using var flow = OpenUdp(to);
        return await flow.AskAsync(impatient);
    }

    public UdpFlow OpenUdp(string to)
    {
        var socket = Open(ProtocolType.Udp);
        try
        {
            socket.Connect(IPEndPoint.Parse(to));
            return new UdpFlow(socket, DatagramPatience, Impatience);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>A connection that stays, and on which something is said all the time.</summary>
    public async Task<HeldConnection> HoldAsync(string to)
    {
        var socket = Open(ProtocolType.Tcp);
        try
        {
            using var limit = new CancellationTokenSource(Patience);
            await socket.ConnectAsync(IPEndPoint.Parse(to), limit.Token);
            return await HeldConnection.StartAsync(socket, to, limit.Token);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Sends one datagram and reads one, whatever they are.</summary>
    public async Task<byte[]> ExchangeAsync(string to, byte[] request)
    {
        using var socket = Open(ProtocolType.Udp);
        await socket.ConnectAsync(IPEndPoint.Parse(to));
        var buffer = new byte[2048];
        for (var attempt = 0; ; attempt++)
        {
            await socket.SendAsync(request);
            using var limit = new CancellationTokenSource(DatagramPatience);
            try
            {
                return buffer[..await socket.ReceiveAsync(buffer, limit.Token)];
            }
            catch (OperationCanceledException) when (attempt < 10)
            {
            }
        }
    }

    /// <summary>What a web server says to GET /, all of it; empty where nobody listens.</summary>
    public async Task<string> GetAsync(string to)
    {
        using var socket = Open(ProtocolType.Tcp);
        using var limit = new CancellationTokenSource(Patience);
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
        // Ends with a reset, as it does for a program that is killed: after an orderly end the port would be in TIME_WAIT, and no connection begins there.
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

/// <summary>Datagrams of one source port to one destination.</summary>
internal sealed class UdpFlow(Socket socket, TimeSpan patience, TimeSpan impatience) : IDisposable
{
    private const int Attempts = 6;
    private int _number;

    /// <summary>Sends until an answer to what was sent comes.</summary>
    public async Task<Answer> AskAsync(bool impatient = false)
    {
        var own = (IPEndPoint)socket.LocalEndPoint!;
        var buffer = new byte[2048];
        for (var attempt = 0; attempt < (impatient ? 2 : Attempts); attempt++)
        {
            var text = $"{++_number}";
            using var limit = new CancellationTokenSource(impatient ? impatience : patience);
            try
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes(text), limit.Token);
                while (true)
                {
                    var words = Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer, limit.Token)).Split(' ');
                    // Late answers to what was sent before say nothing of now.
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
