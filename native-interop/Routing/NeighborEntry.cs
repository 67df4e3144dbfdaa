using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>An entry of the kernel's neighbour table: an IP address on a link and its MAC address.</summary>
public sealed record NeighborEntry
{
    /// <summary>The link's index.</summary>
    public required int InterfaceIndex { get; init; }

    /// <summary>The address, version 4 or 6.</summary>
    public required IPAddress Address { get; init; }

    /// <summary>The Ethernet address; null while it is unknown, and on links without Ethernet addresses.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>State of the entry.</summary>
    public NeighborStates State { get; init; }

    /// <summary>Flags of the entry.</summary>
    public NeighborFlags Flags { get; init; }

    /// <summary>How long ago the neighbour was last confirmed to have that MAC address; null if the kernel does not say.</summary>
    public TimeSpan? SinceConfirmed { get; init; }
}
