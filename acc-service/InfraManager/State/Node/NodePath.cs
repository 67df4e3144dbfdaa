using System.Net;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>How packets reach another node's pods.</summary>
internal enum NodePathKind
{
    /// <summary>No rows: the uplink's routes apply.</summary>
    Routed,

    /// <summary>To the node's own MAC address on the uplink network.</summary>
    Direct,

    /// <summary>Encapsulated.</summary>
    Tunnel,
}

/// <summary>The way to another node.</summary>
/// <param name="Kind">How its pods are reached.</param>
/// <param name="Address">The node's address on its network; null if it has none that the pipeline can use.</param>
/// <param name="Neighbor">The neighbour that packets are sent to: the node or a router; null if a route names a MAC address.</param>
/// <param name="Route">The index of that route in the configuration; -1 if there is none.</param>
internal readonly record struct NodePath(NodePathKind Kind, IPAddress? Address, IPAddress? Neighbor, int Route)
{
    /// <summary>The way to a node; a pure function of the settings and the node's addresses.</summary>
    public static NodePath To(RemoteNode node, NodeSettings settings)
    {
        var address = node.Facts.TunnelAddress is { } announced && Ipv4.Is(announced)
            ? announced
            : node.Facts.Addresses.FirstOrDefault(Ipv4.Is);
        if (address is null || settings.Uplink is not { } uplink)
        {
            return new(NodePathKind.Routed, address, null, -1);
        }

        var onLink = uplink.Addresses.Any(a => a.Network.Contains(address));
        var route = onLink ? -1 : RouteTo(address, uplink);
        var neighbor = onLink ? address : route < 0 ? null : uplink.Routes[route].Gateway;
        var encapsulates = settings.Tunnel.Mode == EncapsulationMode.Always
            || (settings.Tunnel.Mode == EncapsulationMode.Auto && !onLink);
        // The outer source is this node's address.
        var canReach = (onLink || route >= 0) && settings.TunnelSource is not null;
        var kind = encapsulates && canReach ? NodePathKind.Tunnel
            : !encapsulates && onLink ? NodePathKind.Direct
            : NodePathKind.Routed;
        return new(kind, address, neighbor, route);
    }

    /// <summary>The index of the uplink's route to the address: that with the longest prefix; -1 if there is none.</summary>
    public static int RouteTo(IPAddress address, UplinkSettings uplink)
    {
        var best = -1;
        for (var i = 0; i < uplink.Routes.Count; i++)
        {
            var destination = uplink.Routes[i].Destination;
            if (destination.Contains(address) && (best < 0 || destination.PrefixLength > uplink.Routes[best].Destination.PrefixLength))
            {
                best = i;
            }
        }

        return best;
    }
}
