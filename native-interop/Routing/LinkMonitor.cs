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
/// is missed.
/// </summary>
public sealed class LinkMonitor : NotificationMonitor<LinkEvent>
{
    internal LinkMonitor(INetlinkTransport transport, FileDescriptor handle)
        : base(transport, handle, "read link events", Parse, new LinkEvent(LinkEventKind.Lost, null))
    {
    }

    /// <summary>Subscribes to the links of a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered, or the socket can't be created.</exception>
    public static LinkMonitor Open(NetNamespace? ns = null)
    {
        var socket = ns is null ? NetlinkSocket.OpenLinkGroup() : ns.Run(() => NetlinkSocket.OpenLinkGroup());
        return new LinkMonitor(socket, socket.Handle);
    }

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
