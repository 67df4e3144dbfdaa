using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>What happened to a link.</summary>
public enum LinkEventKind
{
    /// <summary>The link appeared or something about it changed.</summary>
    Changed,
    /// <summary>The link was deleted or moved to another namespace.</summary>
    Removed,
    /// <summary>Events were lost; read the links anew (<see cref="RouteNetlink.GetLinks"/>).</summary>
    Lost,
}

/// <summary>One event.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Link">The link as it is, or was; null for <see cref="LinkEventKind.Lost"/>.</param>
public readonly record struct LinkEvent(LinkEventKind Kind, LinkInfo? Link);

/// <summary>
/// Tells which links of a namespace appear, change and go (RTNLGRP_LINK). Open it, then list the links, then read the
/// events: so none is missed. One thread at a time reads.
/// </summary>
public sealed partial class LinkMonitor : IDisposable
{
    private readonly INetlinkTransport _transport;

    internal LinkMonitor(INetlinkTransport transport, FileDescriptor handle)
    {
        _transport = transport;
        _reader = new NotificationReader(transport, "read link changes");
        Handle = handle;
    }

    /// <summary>The socket, to watch for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Subscribes to a namespace's links.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered or the socket not be made.</exception>
    public static LinkMonitor Open(NetNamespace? ns = null)
    {
        var socket = ns is null ? NetlinkSocket.OpenLinkGroup() : ns.Run(() => NetlinkSocket.OpenLinkGroup());
        return new LinkMonitor(socket, socket.Handle);
    }

    /// <summary>Takes the next event and never waits.</summary>
    /// <returns>False if there is none.</returns>
    public partial bool TryRead(out LinkEvent linkEvent);

    /// <inheritdoc/>
    public void Dispose() => _transport.Dispose();
}
