using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// Tells that links, addresses or routes of a namespace may have changed, without saying what. Open the monitor first, then read the state,
/// so that no change is missed. For one reader thread at a time.
/// </summary>
public sealed class ChangeMonitor : IDisposable
{
    private readonly INetlinkTransport _transport;
    private readonly byte[] _buffer = new byte[4096];

    internal ChangeMonitor(INetlinkTransport transport, FileDescriptor handle)
    {
        _transport = transport;
        Handle = handle;
    }

    /// <summary>The socket; wait on it for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Subscribes to the links, addresses and routes of a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered, or the socket can't be created.</exception>
    public static ChangeMonitor Open(NetNamespace? ns = null)
    {
        var socket = ns is null ? NetlinkSocket.OpenConfigurationGroups() : ns.Run(NetlinkSocket.OpenConfigurationGroups);
        return new ChangeMonitor(socket, socket.Handle);
    }

    /// <summary>Takes all pending notifications without blocking.</summary>
    /// <returns>False if there was none.</returns>
    /// <exception cref="LinuxException">The socket failed.</exception>
    public bool Drain()
    {
        for (var changed = false; ; changed = true)
        {
            // Of a notification that does not fit, or was lost, nothing is needed either.
            switch (_transport.Receive(_buffer, TimeSpan.Zero, out _))
            {
                case Errno.None or Errno.ENOBUFS:
                    break;
                case Errno.EAGAIN:
                    return changed;
                case var errno:
                    throw new NetlinkException("read network changes", errno);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _transport.Dispose();
}
