using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The port to the node network.</summary>
/// <param name="Port">Its name at the target.</param>
/// <param name="Mac">The node's MAC address there: what neighbours send to. Each node of a network has its own.</param>
/// <param name="Routes">What lies beyond it.</param>
/// <param name="Mtu">The largest packets that it takes, in bytes; 0: all that endpoints send.</param>
internal sealed record UplinkSettings(string Port, MacAddress Mac, IReadOnlyList<UplinkRoute> Routes, int Mtu = 0);

/// <summary>A way beyond the uplink.</summary>
/// <param name="Destination">Of all that match, the longest prefix counts.</param>
/// <param name="NextHop">The MAC address of the router, or of the neighbour itself.</param>
internal readonly record struct UplinkRoute(IPNetwork Destination, MacAddress NextHop)
{
    public override string ToString() => $"{Destination} via {NextHop}";
}
