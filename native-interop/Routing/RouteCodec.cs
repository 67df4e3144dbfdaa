using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Reads RTM_NEWROUTE.</summary>
internal static class RouteCodec
{
    private const string Malformed = "the kernel's description of a route is malformed";

    public static bool Parse(in NetlinkMessage message, out Route route)
    {
        route = null!;
        if (message.Type != Rtnetlink.NewRoute)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.RouteMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a route", Malformed);
        }

        if (body.Family is not (Libc.FamilyInet or Libc.FamilyInet6) || body.Type != Rtnetlink.RouteTypeUnicast)
        {
            return false;
        }

        IPAddress? destination = null;
        IPAddress? gateway = null;
        IPAddress? source = null;
        var index = 0;
        var metric = 0u;
        var table = (uint)body.Table;
        int? mtu = null;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.RouteDestination:
                    destination = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RouteGateway:
                    gateway = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RouteVia:
                    gateway = Via(attributes.Value);
                    break;
                case Rtnetlink.RoutePreferredSource:
                    source = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RouteInterface:
                    index = attributes.Number<int>();
                    break;
                case Rtnetlink.RoutePriority:
                    metric = attributes.Number<uint>();
                    break;
                case Rtnetlink.RouteTable:
                    table = attributes.Number<uint>();
                    break;
                case Rtnetlink.RouteMetrics:
                    var metrics = attributes.Nested();
                    while (metrics.MoveNext())
                    {
                        if (metrics.Type == Rtnetlink.MetricMtu)
                        {
                            mtu = (int)Math.Min(metrics.Number<uint>(), int.MaxValue);
                        }
                    }
                    attributes.Absorb(metrics);
                    break;
                case Rtnetlink.RouteMultipath:
                    return false;
            }
        }
        var bits = 8 * AttributeReader.AddressLength(body.Family);
        if (attributes.Failed || body.DestinationLength > bits || table > int.MaxValue || metric > int.MaxValue || (destination is null && body.DestinationLength != 0))
        {
            throw NetlinkException.Malformed("read a route", Malformed);
        }

        destination ??= body.Family == Libc.FamilyInet ? IPAddress.Any : IPAddress.IPv6Any;
        route = new Route
        {
            Destination = Network(destination, body.DestinationLength),
            Gateway = gateway,
            InterfaceIndex = index,
            Scope = (RouteScope)body.Scope,
            OnLink = (body.Flags & Rtnetlink.RouteFlagOnLink) != 0,
            PreferredSource = source,
            Table = (int)table,
            Metric = (int)metric,
            Protocol = body.Protocol,
            Mtu = mtu,
        };
        return true;
    }

    /// <summary>Writes struct rtvia: a next hop of the other family.</summary>
    public static byte[] Via(IPAddress gateway)
    {
        var bytes = gateway.GetAddressBytes();
        var via = new byte[2 + bytes.Length];
        MemoryMarshal.Write(via, (ushort)(gateway.AddressFamily == AddressFamily.InterNetwork ? Libc.FamilyInet : Libc.FamilyInet6));
        bytes.CopyTo(via, 2);
        return via;
    }

    private static IPAddress Via(ReadOnlySpan<byte> value)
    {
        if (value.Length < 2)
        {
            throw NetlinkException.Malformed("read a route", Malformed);
        }

        var family = MemoryMarshal.Read<ushort>(value);
        return family <= byte.MaxValue && value.Length - 2 == AttributeReader.AddressLength((byte)family)
            ? new IPAddress(value[2..])
            : throw NetlinkException.Malformed("read a route", Malformed);
    }

    // IPNetwork refuses a base address with bits beyond the prefix.
    private static IPNetwork Network(IPAddress address, int prefixLength)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out var length);
        for (var i = 0; i < length; i++)
        {
            var kept = Math.Clamp(prefixLength - (8 * i), 0, 8);
            bytes[i] &= (byte)(0xFF00 >> kept);
        }
        return new IPNetwork(new IPAddress(bytes[..length]), prefixLength);
    }
}
