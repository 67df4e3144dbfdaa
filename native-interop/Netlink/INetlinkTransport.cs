using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>What carries netlink datagrams: the kernel's socket, or a fake kernel in tests.</summary>
internal interface INetlinkTransport : IDisposable
{
    /// <summary>Our own address (nlmsg_pid of answers to us).</summary>
    uint PortId { get; }

    /// <summary>Sends one datagram to the kernel.</summary>
    /// <exception cref="NetlinkException">The kernel did not take it.</exception>
    void Send(ReadOnlySpan<byte> datagram, string operation);

    /// <summary>Receives one datagram of the kernel.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="timeout">How long to wait; zero only looks.</param>
    /// <param name="length">The datagram's real length; more than the buffer's if it was cut off.</param>
    /// <returns>None, EAGAIN when the time is over, ENOBUFS when datagrams were lost, or another error.</returns>
    Errno Receive(Span<byte> buffer, TimeSpan timeout, out int length);
}
