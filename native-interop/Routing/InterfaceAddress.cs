using System.Net;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>An IP address on a link.</summary>
public sealed record InterfaceAddress
{
    /// <summary>The link's index.</summary>
    public required int InterfaceIndex { get; init; }

    /// <summary>The address, version 4 or 6.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>Length of the network prefix in bits.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>Scope of the address.</summary>
    public RouteScope Scope { get; init; }

    /// <summary>The kernel adds no route to the prefix.</summary>
    public bool NoPrefixRoute { get; init; }

    /// <summary>An IPv6 address is used at once, without duplicate address detection.</summary>
    public bool NoDuplicateDetection { get; init; }
}
