using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Routes.</content>
public sealed partial class RouteNetlink
{
    public partial void AddRoute(Route route, bool replace)
    {
        ArgumentNullException.ThrowIfNull(route);
        var operation = $"add route {Describe(route)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.NewRoute,
            NetlinkMessage.FlagCreate | (replace ? NetlinkMessage.FlagReplace : NetlinkMessage.FlagExclusive));
        var scope = route.Scope ?? (route.Gateway is null ? RouteScope.Link : RouteScope.Universe);
        WriteRoute(ref writer, route, scope, Rtnetlink.RouteTypeUnicast, route.Protocol);
        _connection.Execute(writer.Complete(operation), operation);
    }

    public partial bool DeleteRoute(Route route)
    {
        ArgumentNullException.ThrowIfNull(route);
        var operation = $"delete route {Describe(route)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.DeleteRoute, 0);
        WriteRoute(ref writer, route, route.Scope ?? RouteScope.Nowhere, 0, 0);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ESRCH);
    }

    public partial IReadOnlyList<Route> GetRoutes(int index, int table)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(table);
        return [.. GetRoutes(Libc.FamilyInet, index, table), .. GetRoutes(Libc.FamilyInet6, index, table)];
    }

    private List<Route> GetRoutes(byte family, int index, int table)
    {
        var operation = $"list {(family == Libc.FamilyInet ? "IPv4" : "IPv6")} routes of table {table}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.GetRoute, 0);
        writer.Body(new Rtnetlink.RouteMessage { Family = family, Table = TableByte(table) });
        writer.Number(Rtnetlink.RouteTable, (uint)table);
        try
        {
            // A kernel without IPv6 answers with the routes of every family, and an old one with those of every table.
            return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out Route route) =>
                RouteCodec.Parse(message, out route) && message.Payload[0] == family && route.Table == table
                && (index == 0 || route.InterfaceIndex == index));
        }
        catch (NetlinkException e) when (e.Errno == Errno.ENOENT)
        {
            // No table of that number.
            return [];
        }
    }

    private static void WriteRoute(ref MessageWriter writer, Route route, RouteScope scope, byte type, byte protocol)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(route.InterfaceIndex, nameof(route));
        ArgumentOutOfRangeException.ThrowIfNegative(route.Metric, nameof(route));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(route.Table, nameof(route));
        var destination = route.Destination.BaseAddress;
        var family = Family(destination);
        writer.Body(new Rtnetlink.RouteMessage
        {
            Family = family,
            DestinationLength = (byte)route.Destination.PrefixLength,
            Table = TableByte(route.Table),
            Protocol = protocol,
            // IPv6 routes have no scope.
            Scope = family == Libc.FamilyInet ? (byte)scope : (byte)RouteScope.Universe,
            Type = type,
            Flags = route.OnLink ? Rtnetlink.RouteFlagOnLink : 0,
        });
        if (route.Destination.PrefixLength != 0)
        {
            writer.Address(Rtnetlink.RouteDestination, destination);
        }

        if (route.Gateway is { } gateway)
        {
            if (gateway.AddressFamily == destination.AddressFamily)
            {
                writer.Address(Rtnetlink.RouteGateway, gateway);
            }
            else
            {
                writer.Bytes(Rtnetlink.RouteVia, RouteCodec.Via(gateway));
            }
        }
        if (route.PreferredSource is { } source)
        {
            writer.Address(Rtnetlink.RoutePreferredSource, source);
        }

        if (route.InterfaceIndex != 0)
        {
            writer.Number(Rtnetlink.RouteInterface, route.InterfaceIndex);
        }

        if (route.Metric != 0)
        {
            writer.Number(Rtnetlink.RoutePriority, (uint)route.Metric);
        }

        writer.Number(Rtnetlink.RouteTable, (uint)route.Table);
        if (route.Mtu is { } mtu && type != 0)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(mtu, nameof(route));
            var metrics = writer.Begin(Rtnetlink.RouteMetrics);
            writer.Number(Rtnetlink.MetricMtu, (uint)mtu);
            writer.End(metrics);
        }
    }

    private static byte TableByte(int table) => table <= byte.MaxValue ? (byte)table : Rtnetlink.TableCompatible;

    private static string Describe(Route route) =>
        $"{route.Destination}{(route.Gateway is null ? "" : $" via {route.Gateway}")}{(route.InterfaceIndex == 0 ? "" : $" on link {route.InterfaceIndex}")}";
}
