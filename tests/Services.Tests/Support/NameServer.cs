using System.Net;
using System.Net.Sockets;
using System.Text;

namespace ACCOffload.Services.Tests.Support;

/// <summary>A minimal name server that answers each query with one address (RFC 1035).</summary>
internal sealed class NameServer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _socket;
    private readonly byte[] _address;
    private readonly Task _running;
    private int _asked;

    public NameServer(string netns, IPAddress address)
    {
        _address = address.GetAddressBytes();
        _socket = Sockets.Make(netns, ProtocolType.Udp, new IPEndPoint(IPAddress.Any, 5353));
        _running = Task.Run(AnswerAsync);
    }

    public int Asked => _asked;

    /// <summary>Builds a query for the address of a name.</summary>
    public static byte[] Query(ushort id, string name)
    {
        var query = new List<byte> { (byte)(id >> 8), (byte)id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (var label in name.Split('.'))
        {
            query.Add((byte)label.Length);
            query.AddRange(Encoding.ASCII.GetBytes(label));
        }

        return [.. query, 0, 0, 1, 0, 1];
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _socket.Dispose();
        _stop.Dispose();
    }

    private async Task AnswerAsync()
    {
        var buffer = new byte[512];
        try
        {
            while (true)
            {
                var got = await _socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _stop.Token);
                Interlocked.Increment(ref _asked);
                // A compressed name, type A, class IN, TTL 30 seconds, four bytes.
                byte[] answer = [.. buffer[..got.ReceivedBytes], 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, .. _address];
                (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
                await _socket.SendToAsync(answer, got.RemoteEndPoint, _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }
}
