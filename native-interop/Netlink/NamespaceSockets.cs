using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Netlink;

/// <summary>Opens sockets in one namespace, which is kept open, or in the calling thread's namespace.</summary>
internal sealed class NamespaceSockets : INetlinkSockets
{
    private readonly NetNamespace? _ns;

    /// <summary>Opens its own handle: the caller may close its namespace.</summary>
    public NamespaceSockets(NetNamespace? ns)
    {
        if (ns is null)
        {
            return;
        }

        _ns = NetNamespace.Open($"/proc/self/fd/{ns.Handle.DangerousGetHandle()}");
        GC.KeepAlive(ns);
    }

    public INetlinkTransport OpenRoute() => Open(NetlinkSocket.OpenRoute);

    public INetlinkSubscription SubscribeToLinks() => Open(NetlinkSocket.OpenLinkGroup);

    public INetlinkTransport OpenGeneric() => Open(NetlinkSocket.OpenGeneric);

    public INetlinkSubscription SubscribeToGeneric(uint group, string operation) =>
        Open(() => NetlinkSocket.OpenGenericGroup(group, operation));

    public void Dispose() => _ns?.Dispose();

    private NetlinkSocket Open(Func<NetlinkSocket> open) => _ns is null ? open() : _ns.Run(open);
}
