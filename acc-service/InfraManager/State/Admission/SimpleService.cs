using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>A service as described without a cluster: virtual addresses and backends.</summary>
internal static class SimpleService
{
    /// <summary>One port of the service.</summary>
    /// <param name="Protocol">TCP, UDP or SCTP.</param>
    /// <param name="Number">The port at the virtual address.</param>
    /// <param name="NodePort">The port at the node's addresses; 0 for none.</param>
    /// <param name="Backends">Real addresses and ports without duplicates; all get new flows.</param>
    internal sealed record Port(ProtocolType Protocol, ushort Number, ushort NodePort, IReadOnlyList<BackendKey> Backends);

    /// <summary>
    /// The desired state: all sources are allowed. Flows from inside to the virtual address keep their source; all others get one of the
    /// node's addresses, so that replies return here.
    /// </summary>
    public static ServiceSpec Of(ServiceKey key, IPAddress address, IEnumerable<Port> ports, int affinitySeconds, NodeSettings node) => new(
        key,
        [.. ports.Select(p => new ServicePortSpec(
            "",
            p.Protocol,
            p.Number,
            affinitySeconds,
            [.. Frontends(address, p, node).OrderBy(f => new BackendKey(f.Address, f.Port))],
            [.. p.Backends.Order()
                .Select(b => new Backend(b.Address, b.Port, PlaceOf(b.Address, node), true, true, false, true, false))]))]);

    private static IEnumerable<Frontend> Frontends(IPAddress address, Port port, NodeSettings node)
    {
        var target = port.Backends.Count > 0 ? FlowTarget.Cluster : FlowTarget.Refuse;
        yield return new Frontend(address, port.Number, FrontendKind.ClusterIP, target, target, false, true, []);
        if (port.NodePort == 0)
        {
            yield break;
        }

        foreach (var mine in node.NodeAddresses.Where(a => a.AddressFamily == address.AddressFamily))
        {
            yield return new Frontend(mine, port.NodePort, FrontendKind.NodePort, target, target, true, true, []);
        }
    }

    /// <summary>Where a backend runs, judged by its address alone.</summary>
    public static BackendPlace PlaceOf(IPAddress address, NodeSettings node) =>
        node.NodeAddresses.Contains(address) || node.HostAddresses.Contains(address) ? BackendPlace.Host
        : node.PodRanges.Any(r => r.Contains(address)) ? BackendPlace.Local
        : BackendPlace.Remote;
}
