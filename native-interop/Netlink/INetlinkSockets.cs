using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>
/// Opens netlink sockets: in a namespace of the kernel, or on a fake kernel in tests. Every method throws <see cref="LinuxException"/> on
/// failure.
/// </summary>
internal interface INetlinkSockets : IDisposable
{
    /// <summary>Opens a socket for rtnetlink requests.</summary>
    INetlinkTransport OpenRoute();

    /// <summary>Subscribes to link notifications.</summary>
    INetlinkSubscription SubscribeToLinks();

    /// <summary>Opens a socket for generic netlink requests.</summary>
    INetlinkTransport OpenGeneric();

    /// <summary>Subscribes to a multicast group of a generic netlink family.</summary>
    INetlinkSubscription SubscribeToGeneric(uint group, string operation);
}

/// <summary>Carries netlink datagrams: a kernel socket, or a fake kernel in tests.</summary>
internal interface INetlinkTransport : IDisposable
{
    /// <summary>Our own address (nlmsg_pid of answers to us).</summary>
    uint PortId { get; }

    /// <summary>Sends one datagram to the kernel.</summary>
    /// <exception cref="NetlinkException">The kernel did not accept it.</exception>
    void Send(ReadOnlySpan<byte> datagram, string operation);

    /// <summary>Receives one datagram from the kernel.</summary>
    /// <param name="buffer">Receives the datagram.</param>
    /// <param name="timeout">How long to wait; zero to return at once.</param>
    /// <param name="length">The datagram's full length; larger than the buffer if it was truncated.</param>
    /// <returns>None, EAGAIN on timeout, ENOBUFS if datagrams were lost, or another error.</returns>
    Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length);
}

/// <summary>A transport that delivers notifications.</summary>
internal interface INetlinkSubscription : INetlinkTransport
{
    /// <summary>Ready for <see cref="EpollEvents.Read"/> while a datagram can be received.</summary>
    FileDescriptor Handle { get; }
}
