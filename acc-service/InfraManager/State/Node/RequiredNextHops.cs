using System.Net;
using ACCOffload.InfraManager.State.Model;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The addresses on the uplink network that routes and other nodes need resolved.</summary>
internal static class RequiredNextHops
{
    public static HashSet<IPAddress> Of(NodeSettings settings, NetworkModel model)
    {
        HashSet<IPAddress> addresses = [];
        if (settings.Uplink is not { Addresses.Count: > 0 } uplink)
        {
            return addresses;
        }

        addresses.UnionWith(uplink.Routes.Select(r => r.Gateway).OfType<IPAddress>());
        foreach (var node in model.RemoteNodes.Values)
        {
            if (NodePath.To(node, settings).Neighbor is { } neighbor)
            {
                addresses.Add(neighbor);
            }
        }

        return addresses;
    }
}
