using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <content>Routes.</content>
public sealed partial class RouteNetlink
{
    /// <summary>Adds a route.</summary>
    /// <param name="route">The route, with one next hop.</param>
    /// <param name="replace">Change an existing route with this destination, table and metric instead of failing.</param>
    /// <exception cref="NetlinkException">The route exists (EEXIST), or its gateway is unreachable (ENETUNREACH).</exception>
    public void AddRoute(Route route, bool replace = false)
    {
        ArgumentNullException.ThrowIfNull(route);
        if (route.IsMultipath)
        {
            throw new ArgumentException("a route with several next hops cannot be added", nameof(route));
        }

        var operation = $"add route {Describe(route)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_NEWROUTE,
            NetlinkMessage.NLM_F_CREATE | (replace ? NetlinkMessage.NLM_F_REPLACE : NetlinkMessage.NLM_F_EXCL));
        var scope = route.Scope ?? (route.Gateway is null ? RouteScope.Link : RouteScope.Universe);
        WriteRoute(ref writer, route, scope, Rtnetlink.RTN_UNICAST, route.Protocol);
        _connection.Execute(writer.Complete(operation), operation);
    }

    /// <summary>Deletes a route; null or 0 matches anything.</summary>
    /// <returns>False if it did not exist.</returns>
    public bool DeleteRoute(Route route)
    {
        ArgumentNullException.ThrowIfNull(route);
        var operation = $"delete route {Describe(route)}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_DELROUTE, 0);
        WriteRoute(ref writer, route, route.Scope ?? RouteScope.Nowhere, 0, 0);
        return _connection.TryExecute(writer.Complete(operation), operation, Errno.ESRCH);
    }

    /// <summary>
    /// Unicast routes of one table, of both families, through one link or all links (index 0). Those with several next hops
    /// (<see cref="Route.IsMultipath"/>) are listed only for all links.
    /// </summary>
    public IReadOnlyList<Route> GetRoutes(int index = 0, int table = Route.MainTable)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(table);
        return [.. GetRoutes(Libc.AF_INET, index, table), .. GetRoutes(Libc.AF_INET6, index, table)];
    }

    private List<Route> GetRoutes(byte family, int index, int table)
    {
        var operation = $"list {(family == Libc.AF_INET ? "IPv4" : "IPv6")} routes of table {table}";
        var writer = new MessageWriter(stackalloc byte[MessageWriter.BufferLength], Rtnetlink.RTM_GETROUTE, 0);
        writer.Body(new Rtnetlink.RouteMessage { Family = family, Table = TableByte(table) });
        writer.Number(Rtnetlink.RTA_TABLE, (uint)table);
        try
        {
            // A kernel without IPv6 returns the routes of every family, and an old kernel those of every table.
            return _connection.Dump(writer.Complete(operation), operation, (in NetlinkMessage message, out Route route) =>
                RouteCodec.Parse(message, out route) && message.Payload[0] == family && route.Table == table
                && (index == 0 || route.InterfaceIndex == index));
        }
        catch (NetlinkException e) when (e.Errno == Errno.ENOENT)
        {
            // The table does not exist.
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
            Scope = family == Libc.AF_INET ? (byte)scope : (byte)RouteScope.Universe,
            Type = type,
            Flags = route.OnLink ? Rtnetlink.RTNH_F_ONLINK : 0,
        });
        if (route.Destination.PrefixLength != 0)
        {
            writer.Address(Rtnetlink.RTA_DST, destination);
        }

        if (route.Gateway is { } gateway)
        {
            if (gateway.AddressFamily == destination.AddressFamily)
            {
                writer.Address(Rtnetlink.RTA_GATEWAY, gateway);
            }
            else
            {
                writer.Bytes(Rtnetlink.RTA_VIA, RouteCodec.Via(gateway));
            }
        }
        if (route.PreferredSource is { } source)
        {
            writer.Address(Rtnetlink.RTA_PREFSRC, source);
        }

        if (route.InterfaceIndex != 0)
        {
            writer.Number(Rtnetlink.RTA_OIF, route.InterfaceIndex);
        }

        if (route.Metric != 0)
        {
            writer.Number(Rtnetlink.RTA_PRIORITY, (uint)route.Metric);
        }

        writer.Number(Rtnetlink.RTA_TABLE, (uint)route.Table);
        if (route.Mtu is { } mtu && type != 0)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(mtu, nameof(route));
            var metrics = writer.Begin(Rtnetlink.RTA_METRICS);
            writer.Number(Rtnetlink.RTAX_MTU, (uint)mtu);
            writer.End(metrics);
        }
    }

    private static byte TableByte(int table) => table <= byte.MaxValue ? (byte)table : Rtnetlink.RT_TABLE_COMPAT;

    private static string Describe(Route route) =>
        $"{route.Destination}{(route.Gateway is null ? "" : $" via {route.Gateway}")}"
            + (route.InterfaceIndex == 0 ? "" : $" on link {route.InterfaceIndex}");
}
