using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Parses RTM_NEWROUTE.</summary>
internal static class RouteCodec
{
    private const string Malformed = "the kernel's description of a route is malformed";

    public static bool Parse(in NetlinkMessage message, out Route route)
    {
        route = null!;
        if (message.Type != Rtnetlink.RTM_NEWROUTE)
        {
            return false;
        }

        if (!message.TryRead<Rtnetlink.RouteMessage>(out var body, out var attributes))
        {
            throw NetlinkException.Malformed("read a route", Malformed);
        }

        if (body.Family is not (Libc.AF_INET or Libc.AF_INET6) || body.Type != Rtnetlink.RTN_UNICAST)
        {
            return false;
        }

        IPAddress? destination = null;
        IPAddress? gateway = null;
        IPAddress? source = null;
        var index = 0;
        var metric = 0u;
        var table = (uint)body.Table;
        var isMultipath = false;
        int? mtu = null;
        while (attributes.MoveNext())
        {
            switch (attributes.Type)
            {
                case Rtnetlink.RTA_DST:
                    destination = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RTA_GATEWAY:
                    gateway = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RTA_VIA:
                    gateway = Via(attributes.Value);
                    break;
                case Rtnetlink.RTA_PREFSRC:
                    source = attributes.Address(body.Family);
                    break;
                case Rtnetlink.RTA_OIF:
                    index = attributes.Number<int>();
                    break;
                case Rtnetlink.RTA_PRIORITY:
                    metric = attributes.Number<uint>();
                    break;
                case Rtnetlink.RTA_TABLE:
                    table = attributes.Number<uint>();
                    break;
                case Rtnetlink.RTA_METRICS:
                    var metrics = attributes.Nested();
                    while (metrics.MoveNext())
                    {
                        if (metrics.Type == Rtnetlink.RTAX_MTU)
                        {
                            mtu = (int)Math.Min(metrics.Number<uint>(), int.MaxValue);
                        }
                    }
                    attributes.Absorb(metrics);
                    break;
                case Rtnetlink.RTA_MULTIPATH:
                    isMultipath = true;
                    break;
            }
        }
        var bits = 8 * AttributeReader.AddressLength(body.Family);
        if (attributes.Failed || body.DestinationLength > bits || (destination is null && body.DestinationLength != 0))
        {
            throw NetlinkException.Malformed("read a route", Malformed);
        }

        // Table ids are unsigned 32-bit; Route.Table is an int. Other programs may use larger ones, but no caller asks for those tables.
        if (table > int.MaxValue)
        {
            return false;
        }

        destination ??= body.Family == Libc.AF_INET ? IPAddress.Any : IPAddress.IPv6Any;
        route = new Route
        {
            Destination = IpText.NetworkOf(destination, body.DestinationLength),
            Gateway = gateway,
            InterfaceIndex = index,
            Scope = (RouteScope)body.Scope,
            OnLink = (body.Flags & Rtnetlink.RTNH_F_ONLINK) != 0,
            PreferredSource = source,
            Table = (int)table,
            Metric = (int)Math.Min(metric, int.MaxValue),
            Protocol = body.Protocol,
            Mtu = mtu,
            IsMultipath = isMultipath,
        };
        return true;
    }

    /// <summary>Writes struct rtvia: a next hop of the other family.</summary>
    public static byte[] Via(IPAddress gateway)
    {
        var bytes = gateway.GetAddressBytes();
        var via = new byte[2 + bytes.Length];
        MemoryMarshal.Write(via, (ushort)(gateway.AddressFamily == AddressFamily.InterNetwork ? Libc.AF_INET : Libc.AF_INET6));
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
}
