using System.Net;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Marks a service that the node's agent or an operator sets, and names the fields of that request. The cluster's API server is trusted
/// with its own addresses; the host is not: an address is accepted only if the configuration says that services have it. What is not
/// configured is not known, and so refused.
/// </summary>
/// <param name="FrontendField">The frontend's address in the request.</param>
/// <param name="BackendField">The field of a backend's address in the request.</param>
internal sealed record ServiceClaim(string FrontendField, Func<IPAddress, string> BackendField)
{
    /// <summary>Null, or why the request may not claim the frontend.</summary>
    public static string? WhyNoFrontend(IPAddress address, ushort port, NodeSettings node)
    {
        if (node.NodeAddresses.Contains(address))
        {
            return node.NodePorts.Contains(port)
                ? null
                : $"port {port} of this node's own address {address} is outside Node:NodePorts ({node.NodePorts})";
        }

        if (node.HostAddresses.Contains(address))
        {
            return $"{address} is the host interface's (Node:HostAddresses)";
        }

        if (Has(node.VirtualRanges, address) || Has(node.ExternalRanges, address))
        {
            return null;
        }

        return node.VirtualRanges.Count == 0
            ? $"{address} is not known to be a service's: set Node:VirtualRanges to the cluster's service ranges"
            : $"{address} is in none of Node:VirtualRanges and Node:ExternalRanges, and none of Node:NodeAddresses";
    }

    /// <summary>
    /// Null, or why the request may not have the backend: anything may be one but a service's address, which would make packets loop.
    /// </summary>
    public static string? WhyNoBackend(IPAddress address, NodeSettings node) =>
        Has(node.VirtualRanges, address) ? $"{address} is a service address (Node:VirtualRanges), not a backend" : null;

    private static bool Has(IReadOnlyList<IPNetwork> ranges, IPAddress address) => ranges.Any(r => r.Contains(address));
}
