using System.Net;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Scope of a route or address (rtnetlink(7)).</summary>
public enum RouteScope : byte
{
    /// <summary>Anywhere.</summary>
    Universe = 0,
    /// <summary>Within the site.</summary>
    Site = 200,
    /// <summary>On the link itself: no gateway in between.</summary>
    Link = 253,
    /// <summary>The machine itself.</summary>
    Host = 254,
    /// <summary>Nowhere.</summary>
    Nowhere = 255,
}

/// <summary>A unicast route.</summary>
public sealed record Route
{
    /// <summary>The main table's number.</summary>
    public const int MainTable = 254;

    /// <summary>rtm_protocol of routes that an administrator set (RTPROT_STATIC).</summary>
    public const byte StaticProtocol = 4;

    /// <summary>Destination; 0.0.0.0/0 or ::/0 for the default route.</summary>
    public required IPNetwork Destination { get; init; }

    /// <summary>Next hop, or null if the destination is on the link.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Output link; 0 lets the kernel choose it from the gateway.</summary>
    public int InterfaceIndex { get; init; }

    /// <summary>Scope; null for link scope without a gateway, and universe with one. (IPv6 has universe only.)</summary>
    public RouteScope? Scope { get; init; }

    /// <summary>The gateway is on the link although no address of the link covers it.</summary>
    public bool OnLink { get; init; }

    /// <summary>Preferred source address of local packets, or null.</summary>
    public IPAddress? PreferredSource { get; init; }

    /// <summary>Table.</summary>
    public int Table { get; init; } = MainTable;

    /// <summary>Metric: the lowest wins; 0 is the family's default.</summary>
    public int Metric { get; init; }

    /// <summary>Origin of the route (rtm_protocol).</summary>
    public byte Protocol { get; init; } = StaticProtocol;

    /// <summary>MTU towards the destination, or null.</summary>
    public int? Mtu { get; init; }

    /// <summary>
    /// The route has several next hops (ECMP), which are not read: it has neither <see cref="Gateway"/> nor <see cref="InterfaceIndex"/>.
    /// </summary>
    public bool IsMultipath { get; init; }
}
