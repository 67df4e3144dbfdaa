using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Kind of a link event.</summary>
public enum LinkEventKind
{
    /// <summary>The link was added or changed.</summary>
    Changed,
    /// <summary>The link was deleted or moved to another namespace.</summary>
    Removed,
    /// <summary>Events were lost; read all links again (<see cref="RouteNetlink.GetLinks"/>).</summary>
    Lost,
}

/// <summary>One event.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Link">The current or, if removed, last state of the link; null for <see cref="LinkEventKind.Lost"/>.</param>
public readonly record struct LinkEvent(LinkEventKind Kind, LinkInfo? Link);

/// <summary>
/// Notifications about the links of a namespace (RTNLGRP_LINK). Open the monitor first, then list the links, then read events, so that none
/// is missed. For one reader thread at a time.
/// </summary>
public sealed class LinkMonitor : IDisposable
{
    private readonly INetlinkTransport _transport;
    private readonly NotificationReader _reader;

    internal LinkMonitor(INetlinkTransport transport, FileDescriptor handle)
    {
        _transport = transport;
        _reader = new NotificationReader(transport, "read link events");
        Handle = handle;
    }

    /// <summary>The socket; wait on it for <see cref="EpollEvents.Read"/>.</summary>
    public FileDescriptor Handle { get; }

    /// <summary>Subscribes to the links of a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered, or the socket can't be created.</exception>
    public static LinkMonitor Open(NetNamespace? ns = null)
    {
        var socket = ns is null ? NetlinkSocket.OpenLinkGroup() : ns.Run(() => NetlinkSocket.OpenLinkGroup());
        return new LinkMonitor(socket, socket.Handle);
    }

    /// <summary>Reads the next event without blocking.</summary>
    /// <returns>False if there is none.</returns>
    public bool TryRead(out LinkEvent linkEvent)
    {
        var found = _reader.Read(Parse, out linkEvent);
        if (found == Notification.Lost)
        {
            linkEvent = new LinkEvent(LinkEventKind.Lost, null);
        }

        return found != Notification.None;
    }

    /// <inheritdoc/>
    public void Dispose() => _transport.Dispose();

    private static bool Parse(in NetlinkMessage message, out LinkEvent linkEvent)
    {
        linkEvent = default;
        if (!LinkCodec.Parse(message, out var link))
        {
            return false;
        }

        linkEvent = new LinkEvent(message.Type == Rtnetlink.RTM_NEWLINK ? LinkEventKind.Changed : LinkEventKind.Removed, link);
        return true;
    }
}
