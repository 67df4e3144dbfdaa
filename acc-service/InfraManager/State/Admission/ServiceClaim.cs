using System.Net;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Marks a service requested by the node's agent or an operator, and names the fields of that request. The cluster's API server is trusted
/// with its own addresses; the host is not: it can only claim addresses that the configuration assigns to services. Everything else is
/// refused.
/// </summary>
/// <param name="FrontendField">The field of the frontend's address in the request.</param>
/// <param name="BackendField">The field of a backend address in the request.</param>
internal sealed record ServiceClaim(string FrontendField, Func<IPAddress, string> BackendField)
{
    /// <summary>Null, or why the request may not claim the frontend.</summary>
    public static string? FrontendProblem(IPAddress address, ushort port, NodeSettings node)
    {
        if (node.NodeAddresses.Contains(address))
        {
            return node.NodePorts.Contains(port)
                ? null
                : $"port {port} of the node's own address {address} is outside Node:NodePorts ({node.NodePorts})";
        }

        if (node.HostAddresses.Contains(address))
        {
            return $"{address} is an address of the host interface (Node:HostAddresses)";
        }

        if (Has(node.VirtualRanges, address) || Has(node.ExternalRanges, address))
        {
            return null;
        }

        return node.VirtualRanges.Count == 0
            ? $"{address} is not a known service address: set Node:VirtualRanges to the cluster's service ranges"
            : $"{address} is in none of Node:VirtualRanges, Node:ExternalRanges and Node:NodeAddresses";
    }

    /// <summary>
    /// Null, or why the request may not use the backend: any address is allowed except a service address, which would make packets loop.
    /// </summary>
    public static string? BackendProblem(IPAddress address, NodeSettings node) =>
        Has(node.VirtualRanges, address) ? $"{address} is a service address (Node:VirtualRanges), not a backend" : null;

    private static bool Has(IReadOnlyList<IPNetwork> ranges, IPAddress address) => ranges.Any(r => r.Contains(address));
}
