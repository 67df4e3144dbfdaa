using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>An entry of the neighbour (ARP, NDP) table.</summary>
public sealed record Neighbour
{
    /// <summary>The link's index.</summary>
    public required int InterfaceIndex { get; init; }

    /// <summary>The neighbour's IP address.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>The neighbour's Ethernet address; null while it is being looked for, or when it can't be found.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Never ages.</summary>
    public bool Permanent { get; init; }
}
