using System.Buffers.Binary;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>
/// A link's packets, read and written raw (packet(7)): non-blocking, in batches, without an allocation per packet. What the
/// machine itself sends through the link is not seen. One thread at a time receives; <see cref="TrySend"/> may be called
/// from any, and each sending thread has a <see cref="PacketSender"/> of its own.
/// </summary>
public sealed unsafe partial class PacketPort : IDisposable
{
    private const ushort ProtocolAll = 0x0003;
    private const int OptionAddMembership = 1;
    private const int OptionAuxiliaryData = 8;
    private const int OptionQueueBypass = 20;
    private const int OptionIgnoreOutgoing = 23;
    private const ushort MembershipPromiscuous = 1;

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

    /// <summary>The socket, to watch for <see cref="EpollEvents.Read"/>; an error there means that the link's state changed.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>The link's name when the port was opened.</summary>
    public string Name { get; }

    /// <summary>The link's index in its namespace.</summary>
    public int InterfaceIndex { get; }

    /// <summary>The link's state as the last receive, send or <see cref="RefreshState"/> found it.</summary>
    public PortLinkState State => _state;

    /// <summary>Packets received.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Received packets that were dropped because they did not fit a batch's buffers.</summary>
    public long Oversized => Volatile.Read(ref _oversized);

    /// <summary>Received packets whose transport checksum the sender left to the hardware: its offloads are not off.</summary>
    public long PartialChecksums => Volatile.Read(ref _partialChecksums);

    /// <summary>Packets that the link took.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Packets that the link did not take: its queue was full, it was down, or the packet was too long.</summary>
    public long SendDropped => Volatile.Read(ref _sendDropped);

    /// <summary>Opens a link of a namespace.</summary>
    /// <param name="ns">Where the link is; null for the calling thread's namespace.</param>
    /// <param name="name">The link's name.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="LinuxException">There is no such link (ENODEV), or the process may not (EPERM).</exception>
    public static PacketPort Open(NetNamespace? ns, string name, PacketPortOptions? options = null)
    {
        InterfaceName.Checked(name);
        options ??= new PacketPortOptions();
        return ns is null ? OpenHere(name, options) : ns.Run(() => OpenHere(name, options));
    }

    /// <summary>A queue for one sending thread.</summary>
    /// <param name="capacity">Packets that are sent in one system call.</param>
    public PacketSender CreateSender(int capacity = 64) => new(this, capacity);

    /// <summary>Whether the name still leads to the link that the port was opened on; false after either was renamed.</summary>
    /// <exception cref="LinuxException">The socket is broken.</exception>
    public bool HasItsName()
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
        // Protocol 0 until it is bound: otherwise it would collect the packets of every link in between.
        var handle = Libc.Socket(Libc.FamilyPacket, Libc.SocketRaw | Libc.SocketNonBlock | Libc.SocketCloseOnExec, 0);
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
        Set(OptionIgnoreOutgoing, "ignore outgoing packets");
        Set(OptionAuxiliaryData, "ask for packet details");
        if (options.BypassQueue)
        {
            Set(OptionQueueBypass, "bypass the queue");
        }

        SetBuffer(Libc.OptionReceiveBufferForce, Libc.OptionReceiveBuffer, options.ReceiveBufferBytes);
        SetBuffer(Libc.OptionSendBufferForce, Libc.OptionSendBuffer, options.SendBufferBytes);
        if (options.Promiscuous)
        {
            var membership = new Libc.PacketMembership { InterfaceIndex = InterfaceIndex, Type = MembershipPromiscuous };
            if (Libc.SetSocketOption(Handle, Libc.LevelPacket, OptionAddMembership, &membership, (uint)sizeof(Libc.PacketMembership)) != 0)
            {
                throw LinuxException.FromLastError($"make {Name} promiscuous");
            }
        }
        var address = new Libc.LinkLayerAddress
        {
            Family = Libc.FamilyPacket,
            Protocol = BinaryPrimitives.ReverseEndianness(options.EtherType == 0 ? ProtocolAll : options.EtherType),
            InterfaceIndex = InterfaceIndex,
        };
        // A link that is down can be bound, but says so once with ENETDOWN on the socket.
        if (Libc.Bind(Handle, &address, 20) != 0)
        {
            throw LinuxException.FromLastError($"bind to {Name}");
        }
    }

    private void Set(int option, string what)
    {
        if (!Libc.TrySetSocketOption(Handle, Libc.LevelPacket, option, 1))
        {
            throw LinuxException.FromLastError($"{what} of {Name}");
        }
    }

    // The force options need CAP_NET_ADMIN; without it the system's limit holds.
    private void SetBuffer(int forced, int plain, int bytes)
    {
        if (!Libc.TrySetSocketOption(Handle, Libc.LevelSocket, forced, bytes))
        {
            _ = Libc.TrySetSocketOption(Handle, Libc.LevelSocket, plain, bytes);
        }
    }
}
