using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The port to the node network.</summary>
/// <param name="Port">The port's name on the target.</param>
/// <param name="Mac">The node's MAC address on the node network, which neighbours send to. Each node has its own.</param>
/// <param name="Routes">The destinations beyond the uplink.</param>
/// <param name="Mtu">The largest IP packet that the uplink takes, in bytes; 0: no limit below that of the endpoints.</param>
internal sealed record UplinkSettings(string Port, MacAddress Mac, IReadOnlyList<UplinkRoute> Routes, int Mtu = 0);

/// <summary>A route through the uplink.</summary>
/// <param name="Destination">The longest matching prefix wins.</param>
/// <param name="NextHop">The MAC address of the router, or of the neighbour itself.</param>
internal readonly record struct UplinkRoute(IPNetwork Destination, MacAddress NextHop)
{
    public override string ToString() => $"{Destination} via {NextHop}";
}
