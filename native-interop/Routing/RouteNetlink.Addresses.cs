using System.Net;
using System.Net.Sockets;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Addresses and neighbours.</content>
public sealed partial class RouteNetlink
{
    public partial void AddAddress(InterfaceAddress address, bool replace)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"add address {address.Address}/{address.PrefixLength} to link {address.InterfaceIndex}";
        var flags = (address.NoPrefixRoute ? Rtnetlink.AddressFlagNoPrefixRoute : 0)
            | (address.NoDuplicateDetection && address.Address.AddressFamily == AddressFamily.InterNetworkV6 ? Rtnetlink.AddressFlagNoDuplicateDetection : 0);
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewAddress,
            NetlinkMessage.FlagCreate | (replace ? NetlinkMessage.FlagReplace : NetlinkMessage.FlagExclusive));
        WriteAddress(ref writer, address.InterfaceIndex, address.Address, address.PrefixLength, address.Scope);
        if (flags != 0)
        {
            writer.Number(Rtnetlink.AddressFlags, flags);
        }

        _connection.Execute(writer.Complete(operation), operation);
    }

    public partial bool DeleteAddress(int index, IPAddress address, int prefixLength)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"delete address {address}/{prefixLength} from link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteAddress, 0);
        WriteAddress(ref writer, index, address, prefixLength, RouteScope.Universe);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.EADDRNOTAVAIL);
    }

    public partial IReadOnlyList<InterfaceAddress> GetAddresses(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var operation = index == 0 ? "list addresses" : $"list addresses of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetAddress, 0);
        writer.Body(new Rtnetlink.AddressMessage { Index = index });
        // The kernel filters too, unless it is older than strict checks.
        return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out InterfaceAddress address) =>
            AddressCodec.Parse(message, out address) && (index == 0 || address.InterfaceIndex == index));
    }

    public partial void AddNeighbour(int index, IPAddress address, MacAddress mac)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"add neighbour {address} to link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewNeighbour, NetlinkMessage.FlagCreate | NetlinkMessage.FlagReplace);
        writer.Body(new Rtnetlink.NeighbourMessage { Family = Family(address), Index = index, State = Rtnetlink.NeighbourStatePermanent });
        writer.Address(Rtnetlink.NeighbourDestination, address);
        writer.Mac(Rtnetlink.NeighbourLinkAddress, mac);
        _connection.Execute(writer.Complete(operation), operation);
    }

    public partial bool DeleteNeighbour(int index, IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var operation = $"delete neighbour {address} from link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteNeighbour, 0);
        writer.Body(new Rtnetlink.NeighbourMessage { Family = Family(address), Index = index });
        writer.Address(Rtnetlink.NeighbourDestination, address);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ENOENT);
    }

    public partial IReadOnlyList<Neighbour> GetNeighbours(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var operation = index == 0 ? "list neighbours" : $"list neighbours of link {index}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetNeighbour, 0);
        writer.Body(default(Rtnetlink.NeighbourMessage));
        return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out Neighbour neighbour) =>
            NeighbourCodec.Parse(message, out neighbour) && (index == 0 || neighbour.InterfaceIndex == index));
    }

    private static byte Family(IPAddress address) => address.AddressFamily switch
    {
        AddressFamily.InterNetwork => Libc.FamilyInet,
        AddressFamily.InterNetworkV6 => Libc.FamilyInet6,
        _ => throw new ArgumentException($"{address} is neither an IPv4 nor an IPv6 address", nameof(address)),
    };

    private static void WriteAddress(ref MessageWriter writer, int index, IPAddress address, int prefixLength, RouteScope scope)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(index);
        var family = Family(address);
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, 8 * AttributeReader.AddressLength(family));
        writer.Body(new Rtnetlink.AddressMessage { Family = family, PrefixLength = (byte)prefixLength, Scope = (byte)scope, Index = index });
        writer.Address(Rtnetlink.AddressLocal, address);
        writer.Address(Rtnetlink.AddressAddress, address);
    }
}
