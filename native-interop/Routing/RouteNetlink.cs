using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// Links, addresses, neighbours, routes and routing rules of one network namespace (rtnetlink(7)). The socket stays in the namespace it
/// was opened in. Thread-safe; requests are serialized. Every method throws <see cref="NetlinkException"/> with the kernel's message when
/// the kernel refuses, and after five seconds without an answer.
/// </summary>
public sealed partial class RouteNetlink : IDisposable
{
    private readonly NetlinkConnection _connection;
    private readonly FileDescriptor? _socket;

    internal RouteNetlink(NetlinkConnection connection, FileDescriptor? socket = null)
    {
        _connection = connection;
        _socket = socket;
    }

    /// <summary>Opens a socket in a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered, or the socket can't be created.</exception>
    public static RouteNetlink Open(NetNamespace? ns = null)
    {
        var transport = ns is null ? NetlinkSocket.OpenRoute() : ns.Run(() => NetlinkSocket.OpenRoute());
        return new RouteNetlink(new NetlinkConnection(transport), transport.Handle);
    }

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();
}
