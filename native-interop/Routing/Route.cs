using System.Net;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A unicast route.</summary>
public sealed record Route
{
    /// <summary>The main table's number.</summary>
    public const int MainTable = 254;

    /// <summary>rtm_protocol of routes that an administrator set (RTPROT_STATIC).</summary>
    public const byte StaticProtocol = 4;

    /// <summary>Where it leads; 0.0.0.0/0 or ::/0 is the default route.</summary>
    public required IPNetwork Destination { get; init; }

    /// <summary>Next hop, or null if the destination is on the link.</summary>
    public IPAddress? Gateway { get; init; }

    /// <summary>Link that packets leave by; 0 lets the kernel choose by the gateway.</summary>
    public int InterfaceIndex { get; init; }

    /// <summary>Scope; null for link without a gateway and universe with one. (IPv6 has universe only.)</summary>
    public RouteScope? Scope { get; init; }

    /// <summary>The gateway is on the link although no address there says so.</summary>
    public bool OnLink { get; init; }

    /// <summary>Source address that local packets prefer, or null.</summary>
    public IPAddress? PreferredSource { get; init; }

    /// <summary>Table.</summary>
    public int Table { get; init; } = MainTable;

    /// <summary>Metric: the lowest wins; 0 is the family's default.</summary>
    public int Metric { get; init; }

    /// <summary>Who made it (rtm_protocol).</summary>
    public byte Protocol { get; init; } = StaticProtocol;

    /// <summary>MTU towards the destination, or null.</summary>
    public int? Mtu { get; init; }
}
