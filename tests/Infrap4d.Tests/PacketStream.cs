using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.Infrap4d.Tests;

/// <summary>Numbered UDP packets from one pod to an address, counted in the pods that receive them.</summary>
internal sealed class PacketStream : IDisposable
{
    private const int ReceiveBuffer = 4 << 20;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(2);

    private readonly Socket _sender;
    private readonly List<Socket> _receivers = [];
    private readonly List<Thread> _threads = [];
    private readonly HashSet<long> _seen = [];
    private readonly Lock _gate = new();
    private volatile bool _isStopping;
    private volatile bool _isDisposed;
    private long _sent;
    private long _duplicates;

    /// <param name="from">The sender's namespace.</param>
    /// <param name="to">Where it sends.</param>
    /// <param name="receivers">The receivers' namespaces.</param>
    /// <param name="port">The port that the receivers listen on.</param>
    public PacketStream(string from, IPEndPoint to, IEnumerable<string> receivers, int port)
    {
        foreach (var receiver in receivers)
        {
            var socket = Open(receiver);
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            socket.ReceiveBufferSize = ReceiveBuffer;
            _receivers.Add(socket);
            Start(() => Receive(socket));
        }

        _sender = Open(from);
        _sender.Connect(to);
        Start(Send);
    }

    public long Sent => Interlocked.Read(ref _sent);

    public long Duplicates => Interlocked.Read(ref _duplicates);

    public long Received
    {
        get
        {
            lock (_gate)
            {
                return _seen.Count;
            }
        }
    }

    /// <summary>The sender stops; what is on its way still arrives.</summary>
    public void StopSending() => _isStopping = true;

    public void Dispose()
    {
        _isStopping = true;
        _isDisposed = true;
        _sender.Dispose();
        _receivers.ForEach(r => r.Dispose());
        _threads.ForEach(t => t.Join());
    }

    private static Socket Open(string netns)
    {
        using var space = NetNamespace.OpenNamed(netns);
        return space.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
    }

    private void Start(Action run)
    {
        var thread = new Thread(() => run()) { IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    private void Send()
    {
        var packet = new byte[64];
        while (!_isStopping)
        {
            BinaryPrimitives.WriteInt64BigEndian(packet, _sent);
            _sender.Send(packet);
            Interlocked.Increment(ref _sent);
            Thread.Sleep(Interval);
        }
    }

    private void Receive(Socket socket)
    {
        var packet = new byte[64];
        try
        {
            while (!_isDisposed)
            {
                socket.Receive(packet);
                lock (_gate)
                {
                    if (!_seen.Add(BinaryPrimitives.ReadInt64BigEndian(packet)))
                    {
                        _duplicates++;
                    }
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }
}
