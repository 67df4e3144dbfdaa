using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>A route through the uplink. Its next hop is either a MAC address or the address of a neighbour.</summary>
internal readonly record struct UplinkRoute
{
    /// <summary>A route to a next hop whose MAC address is configured.</summary>
    public UplinkRoute(IPNetwork destination, MacAddress mac)
    {
        Destination = destination;
        Mac = mac;
    }

    /// <summary>A route to a neighbour that the ACC's kernel resolves.</summary>
    public UplinkRoute(IPNetwork destination, IPAddress gateway)
    {
        Destination = destination;
        Gateway = gateway;
    }

    /// <summary>The longest matching prefix wins.</summary>
    public IPNetwork Destination { get; }

    /// <summary>The MAC address of the router, or of the neighbour itself; null if <see cref="Gateway"/> is set.</summary>
    public MacAddress? Mac { get; }

    /// <summary>The address of the router, which is on the link; null if <see cref="Mac"/> is set.</summary>
    public IPAddress? Gateway { get; }

    public override string ToString() => Gateway is { } gateway ? $"{Destination} via {gateway}" : $"{Destination} via {Mac}";
}
