using System.Net;

namespace ACCOffload.InfraManager.State;

/// <summary>
/// What a service that the node's agent or an operator sets may claim. The cluster's API server is trusted with its own; the host is not: an
/// address is taken only if the configuration says that services have it. What is not configured is not known, and so refused.
/// </summary>
internal static class ServiceClaims
{
    /// <param name="spec">The service.</param>
    /// <param name="node">The node.</param>
    /// <param name="frontendField">The frontend's address in the request.</param>
    /// <param name="backendField">The field of a backend's address in the request.</param>
    /// <exception cref="IntentException">INVALID_ARGUMENT, with the field.</exception>
    public static void Check(ServiceSpec spec, NodeSettings node, string frontendField, Func<IPAddress, string> backendField)
    {
        foreach (var port in spec.Ports)
        {
            foreach (var frontend in port.Frontends)
            {
                if (WhyNot(frontend.Address, frontend.Port, node) is { } reason)
                {
                    throw IntentException.Invalid(frontendField, reason);
                }
            }
            foreach (var backend in port.Backends)
            {
                if (WhyNoBackend(backend.Address, node) is { } reason)
                {
                    throw IntentException.Invalid(backendField(backend.Address), reason);
                }
            }
        }
    }

    private static string? WhyNot(IPAddress address, ushort port, NodeSettings node)
    {
        if (ServiceRules.WhyNoFrontend(address, node) is { } reason)
        {
            return reason;
        }

        if (node.NodeAddresses.Contains(address))
        {
            return node.NodePorts.Contains(port) ? null : $"port {port} of this node's own address {address} is outside Node:NodePorts ({node.NodePorts})";
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

    /// <summary>A backend may be anywhere that packets can go to; but not at a service's address, which would lead them round and round.</summary>
    private static string? WhyNoBackend(IPAddress address, NodeSettings node) =>
        Has(node.VirtualRanges, address) ? $"{address} is a service address (Node:VirtualRanges), not a backend" : null;

    private static bool Has(IReadOnlyList<IPNetwork> ranges, IPAddress address) => ranges.Any(r => r.Contains(address));
}
