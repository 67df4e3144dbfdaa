using System.Buffers.Binary;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>State of the link of a <see cref="PacketPort"/>.</summary>
public enum PortLinkState
{
    /// <summary>The link is up.</summary>
    Up,
    /// <summary>The link is down; traffic resumes when it comes up, without reopening the port.</summary>
    Down,
    /// <summary>
    /// The link was deleted or moved to another namespace; close the port, and reopen it when a link with the name appears.
    /// </summary>
    Gone,
}

/// <summary>
/// Sends and receives raw packets on a link (packet(7)): non-blocking, in batches, without an allocation per packet. Packets that the host
/// itself sends through the link are not received. One thread at a time receives; any thread may call <see cref="TrySend"/>, and each
/// sending thread has its own <see cref="PacketSender"/>.
/// </summary>
public sealed unsafe partial class PacketPort : IDisposable
{
    private const ushort ETH_P_ALL = 0x0003;
    private const int PACKET_ADD_MEMBERSHIP = 1;
    private const int PACKET_AUXDATA = 8;
    private const int PACKET_QDISC_BYPASS = 20;
    private const int PACKET_IGNORE_OUTGOING = 23;
    private const ushort PACKET_MR_PROMISC = 1;

    private volatile PortLinkState _state;
    private long _received;
    private long _oversized;
    private long _partialChecksums;
    private long _sent;
    private long _sendDropped;

    private PacketPort(FileDescriptor handle, string name, int index, bool isTap = false, int header = 0)
    {
        Handle = handle;
        Name = name;
        InterfaceIndex = index;
        _isTap = isTap;
        _header = header;
    }

    /// <summary>The socket; wait on it for <see cref="EpollEvents.Read"/>. An error event means that the link's state changed.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>The link's name at the time the port was opened.</summary>
    public string Name { get; }

    /// <summary>The link's index in its namespace.</summary>
    public int InterfaceIndex { get; }

    /// <summary>The link's state at the last receive, send or <see cref="RefreshState"/>.</summary>
    public PortLinkState State => _state;

    /// <summary>Packets received.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Received packets that were dropped because they exceeded the buffer size.</summary>
    public long Oversized => Volatile.Read(ref _oversized);

    /// <summary>Received packets with an incomplete transport checksum: the sender's checksum offload is on.</summary>
    public long PartialChecksums => Volatile.Read(ref _partialChecksums);

    /// <summary>Packets that the link accepted.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Packets that the link did not accept: its queue was full, it was down, or the packet was too long.</summary>
    public long SendDropped => Volatile.Read(ref _sendDropped);

    /// <summary>Opens a link.</summary>
    /// <param name="ns">The link's namespace; null for the calling thread's.</param>
    /// <param name="name">The link's name.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process lacks the privilege (EPERM).</exception>
    public static PacketPort Open(NetNamespace? ns, string name, PacketPortOptions? options = null)
    {
        InterfaceName.Checked(name);
        options ??= new PacketPortOptions();
        return ns is null ? OpenHere(name, options) : ns.Run(() => OpenHere(name, options));
    }

    /// <summary>Creates the send queue of one thread.</summary>
    /// <param name="capacity">Maximum number of packets per system call.</param>
    public PacketSender CreateSender(int capacity = 64) => new(this, capacity);

    /// <summary>Whether the name still refers to the link that the port was opened on.</summary>
    /// <exception cref="LinuxException">The socket failed.</exception>
    public bool IsNameCurrent()
    {
        try
        {
            return LinkRequest.GetIndex(Handle, Name) == InterfaceIndex;
        }
        catch (LinuxException e) when (e.Errno is Errno.ENODEV or Errno.ENXIO)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    private static PacketPort OpenHere(string name, PacketPortOptions options)
    {
        if (options.DisableOffloads)
        {
            EthtoolSettings.DisableOffloads(name);
        }
        // Protocol 0 until the socket is bound: otherwise it would receive the packets of every link until then.
        var handle = Libc.Socket(Libc.AF_PACKET, Libc.SOCK_RAW | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.FromLastError($"open a packet socket for {name}");
        }

        try
        {
            var index = LinkRequest.GetIndex(handle, name);
            var port = new PacketPort(handle, name, index);
            port.Configure(options);
            _ = port.RefreshState();
            return port;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private void Configure(PacketPortOptions options)
    {
        Set(PACKET_IGNORE_OUTGOING, "ignore outgoing packets");
        Set(PACKET_AUXDATA, "ask for packet details");
        if (options.BypassQueue)
        {
            Set(PACKET_QDISC_BYPASS, "bypass the queue");
        }

        SetBuffer(Libc.SO_RCVBUFFORCE, Libc.SO_RCVBUF, options.ReceiveBufferBytes);
        SetBuffer(Libc.SO_SNDBUFFORCE, Libc.SO_SNDBUF, options.SendBufferBytes);
        if (options.Promiscuous)
        {
            var membership = new Libc.PacketMembership { InterfaceIndex = InterfaceIndex, Type = PACKET_MR_PROMISC };
            if (Libc.SetSocketOption(Handle, Libc.SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, (uint)sizeof(Libc.PacketMembership)) != 0)
            {
                throw LinuxException.FromLastError($"make {Name} promiscuous");
            }
        }
        var address = new Libc.LinkLayerAddress
        {
            Family = Libc.AF_PACKET,
            Protocol = BinaryPrimitives.ReverseEndianness(options.EtherType == 0 ? ETH_P_ALL : options.EtherType),
            InterfaceIndex = InterfaceIndex,
        };
        // Binding to a link that is down succeeds, but leaves a pending ENETDOWN on the socket.
        if (Libc.Bind(Handle, &address, 20) != 0)
        {
            throw LinuxException.FromLastError($"bind to {Name}");
        }
    }

    private void Set(int option, string what)
    {
        if (!Libc.TrySetSocketOption(Handle, Libc.SOL_PACKET, option, 1))
        {
            throw LinuxException.FromLastError($"{what} of {Name}");
        }
    }

    // The FORCE options need CAP_NET_ADMIN; without it the system limit applies.
    private void SetBuffer(int forced, int plain, int bytes)
    {
        if (!Libc.TrySetSocketOption(Handle, Libc.SOL_SOCKET, forced, bytes))
        {
            _ = Libc.TrySetSocketOption(Handle, Libc.SOL_SOCKET, plain, bytes);
        }
    }
}
