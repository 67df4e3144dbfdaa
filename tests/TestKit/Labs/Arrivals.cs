using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.TestKit.Labs;

/// <summary>
/// Counts the IPv4 packets that come into a namespace, by source and destination port. It hears every interface, also those that come
/// later, from their first packet on.
/// </summary>
public sealed class Arrivals : IAsyncDisposable
{
    // ETH_P_IP: the socket takes the EtherType in network byte order.
    private const ProtocolType Ipv4 = (ProtocolType)0x0008;
    private const int BufferBytes = 32 << 20;
    private const int SOL_SOCKET = 1;
    private const int SO_RCVBUFFORCE = 33;
    private const int SOL_PACKET = 263;
    private const int PACKET_STATISTICS = 6;
    private const int MinLength = 14 + 20 + 4;

    private readonly ConcurrentDictionary<(uint Source, ushort Port), long> _counts = [];
    private readonly Socket _socket;
    private readonly Task _receiving;
    private volatile bool _stopping;

    private Arrivals(Socket socket)
    {
        _socket = socket;
        _receiving = Task.Factory.StartNew(Receive, TaskCreationOptions.LongRunning);
    }

    public static Arrivals In(string netns)
    {
        using var place = NetNamespace.OpenNamed(netns);
        var socket = place.Run(() => new Socket(AddressFamily.Packet, SocketType.Raw, Ipv4));
        // Larger than what the system allows to everyone.
        socket.SetRawSocketOption(SOL_SOCKET, SO_RCVBUFFORCE, BitConverter.GetBytes(BufferBytes));
        socket.ReceiveTimeout = 100;
        return new Arrivals(socket);
    }

    /// <summary>The packets from an address to a port so far.</summary>
    public long Count(string source, int port) => _counts.GetValueOrDefault((Number(source), (ushort)port));

    /// <summary>All packets from an address so far.</summary>
    public long Count(string source) => _counts.Where(c => c.Key.Source == Number(source)).Sum(c => c.Value);

    /// <summary>Fails if there were more packets than could be counted.</summary>
    public void AssertComplete()
    {
        // struct tpacket_stats: packets, then those that found no room, since the last time.
        Span<byte> statistics = stackalloc byte[2 * sizeof(uint)];
        _socket.GetRawSocketOption(SOL_PACKET, PACKET_STATISTICS, statistics);
        Assert.Equal(0u, BitConverter.ToUInt32(statistics[sizeof(uint)..]));
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        await _receiving;
        _socket.Dispose();
    }

    private void Receive()
    {
        var frame = new byte[128];
        while (!_stopping)
        {
            int length;
            try
            {
                length = _socket.Receive(frame);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.NetworkDown or SocketError.MessageSize)
            {
                continue;
            }

            if (length >= MinLength)
            {
                var key = (BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(26)), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(36)));
                _counts.AddOrUpdate(key, 1, (_, count) => count + 1);
            }
        }
    }

    private static uint Number(string address) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(address).GetAddressBytes());
}
