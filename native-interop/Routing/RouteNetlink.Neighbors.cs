using System.Net;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Neighbours.</content>
public sealed partial class RouteNetlink
{
    /// <summary>The neighbours of both families on one link, or on all links (index 0).</summary>
    public IReadOnlyList<NeighborEntry> GetNeighbors(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var operation = index == 0 ? "list neighbours" : $"list the neighbours of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETNEIGH, 0);
        // With strict checking, the kernel refuses an index in the header.
        writer.Body(default(Rtnetlink.NeighborMessage));
        if (index != 0)
        {
            writer.Number(Rtnetlink.NDA_IFINDEX, (uint)index);
        }

        return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out NeighborEntry neighbor) =>
            NeighborCodec.Parse(message, out neighbor) && (index == 0 || neighbor.InterfaceIndex == index));
    }

    /// <summary>
    /// Sets a neighbour. With <see cref="NeighborFlags.Use"/> or <see cref="NeighborFlags.Managed"/> the kernel keeps the entry's state and
    /// MAC address, and starts to resolve or confirm it. Without <see cref="NeighborFlags.Managed"/>, an entry is not managed any more; a
    /// kernel before 5.16 ignores that flag.
    /// </summary>
    /// <param name="neighbor">The neighbour.</param>
    /// <param name="create">Create the entry if there is none.</param>
    /// <returns>False if there is none and it was not to be created.</returns>
    /// <exception cref="NetlinkException">The link does not exist (ENODEV) or has no neighbours (EINVAL), the table is full, …</exception>
    public bool SetNeighbor(NeighborEntry neighbor, bool create = true)
    {
        ArgumentNullException.ThrowIfNull(neighbor);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(neighbor.InterfaceIndex, nameof(neighbor));
        var operation = $"set neighbour {neighbor.Address} of link {neighbor.InterfaceIndex}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWNEIGH,
            NetlinkMessage.NLM_F_REPLACE | (create ? NetlinkMessage.NLM_F_CREATE : 0));
        WriteNeighbor(ref writer, neighbor.InterfaceIndex, neighbor.Address, neighbor.State, neighbor.Flags);
        if (neighbor.Mac is { } mac)
        {
            writer.Mac(Rtnetlink.NDA_LLADDR, mac);
        }

        var extended = (uint)neighbor.Flags >> NeighborCodec.ExtendedShift;
        if (extended != 0)
        {
            writer.Number(Rtnetlink.NDA_FLAGS_EXT, extended);
        }

        if (create)
        {
            _connection.Execute(writer.Complete(operation), operation);
            return true;
        }

        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    /// <summary>Deletes a neighbour.</summary>
    /// <returns>False if it did not exist.</returns>
    public bool DeleteNeighbor(int index, IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var operation = $"delete neighbour {address} of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELNEIGH, 0);
        WriteNeighbor(ref writer, index, address, NeighborStates.None, NeighborFlags.None);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    private static void WriteNeighbor(ref MessageWriter writer, int index, IPAddress address, NeighborStates state, NeighborFlags flags)
    {
        writer.Body(new Rtnetlink.NeighborMessage
        {
            Family = Family(address),
            Index = index,
            State = (ushort)state,
            Flags = (byte)flags,
        });
        writer.Address(Rtnetlink.NDA_DST, address);
    }
}
