using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Kind of a neighbour event.</summary>
public enum NeighborEventKind
{
    /// <summary>The neighbour was added or changed.</summary>
    Changed,
    /// <summary>The entry was deleted: by somebody, by the kernel to make room, or with its link.</summary>
    Removed,
    /// <summary>Events were lost; read all neighbours again (<see cref="RouteNetlink.GetNeighbors"/>).</summary>
    Lost,
}

/// <summary>One event.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Neighbor">
/// The current or, if removed, last state of the neighbour; null for <see cref="NeighborEventKind.Lost"/>.
/// </param>
public readonly record struct NeighborEvent(NeighborEventKind Kind, NeighborEntry? Neighbor);

/// <summary>
/// Notifications about the neighbours of a namespace (RTNLGRP_NEIGH). Open the monitor first, then list the neighbours, then read events,
/// so that none is missed.
/// </summary>
public sealed class NeighborMonitor : NotificationMonitor<NeighborEvent>
{
    internal NeighborMonitor(INetlinkTransport transport, FileDescriptor handle)
        : base(transport, handle, "read neighbour events", Parse, new NeighborEvent(NeighborEventKind.Lost, null))
    {
    }

    /// <summary>Subscribes to the neighbours of a namespace.</summary>
    /// <param name="ns">The namespace; null for the calling thread's.</param>
    /// <exception cref="LinuxException">The namespace can't be entered, or the socket can't be created.</exception>
    public static NeighborMonitor Open(NetNamespace? ns = null)
    {
        var socket = ns is null ? NetlinkSocket.OpenNeighborGroup() : ns.Run(NetlinkSocket.OpenNeighborGroup);
        return new NeighborMonitor(socket, socket.Handle);
    }

    private static bool Parse(in NetlinkMessage message, out NeighborEvent neighborEvent)
    {
        neighborEvent = default;
        if (!NeighborCodec.Parse(message, out var neighbor))
        {
            return false;
        }

        neighborEvent = new NeighborEvent(
            message.Type == Rtnetlink.RTM_NEWNEIGH ? NeighborEventKind.Changed : NeighborEventKind.Removed, neighbor);
        return true;
    }
}
