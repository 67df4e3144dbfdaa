using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>The addresses and ports that a Service claims on this node.</summary>
internal static class ServiceFrontends
{
    /// <summary>
    /// False for services that this node does not serve: ExternalName, headless (no cluster IP, or the label), those of another proxy, and
    /// those without a cluster IP of the served family.
    /// </summary>
    public static bool IsServed(ServiceObject service, ServiceContext context) =>
        service is { Type: not ServiceType.ExternalName, HasProxyName: false, HasHeadlessLabel: false }
        && service.ClusterIPs.Any(context.IsServed);

    /// <summary>The frontends of one port, without duplicates.</summary>
    public static IEnumerable<(FrontendKey Key, FrontendKind Kind)> Of(
        ServiceObject service, ServicePortObject port, ServiceContext context)
    {
        var found = new Dictionary<FrontendKey, FrontendKind>();
        Add(service.ClusterIPs, port.Port, FrontendKind.ClusterIP);
        // Before the external IPs, so that source ranges apply to an address that is both.
        Add(service.IngressIPs, port.Port, FrontendKind.LoadBalancer);
        Add(service.ExternalIPs, port.Port, FrontendKind.ExternalIP);
        if (port.NodePort != 0)
        {
            Add(context.NodeAddresses, port.NodePort, FrontendKind.NodePort);
        }

        return found.Select(f => (f.Key, f.Value));

        void Add(IReadOnlyList<IPAddress> addresses, ushort number, FrontendKind kind)
        {
            foreach (var address in addresses.Where(context.IsServed))
            {
                found.TryAdd(new FrontendKey(address, port.Protocol, number), kind);
            }
        }
    }

    /// <summary>All frontends of a Service with their kinds; none if it has too many to be served.</summary>
    public static IEnumerable<(FrontendKey Key, FrontendKind Kind)> Of(ServiceObject service, ServiceContext context) =>
        IsServed(service, context) && ServiceBounds.FrontendCountProblem(CountOf(service, context)) is null
            ? service.Ports.SelectMany(p => Of(service, p, context)).DistinctBy(f => f.Key)
            : [];

    /// <summary>An upper bound for the number of frontends: duplicate addresses count twice.</summary>
    public static long CountOf(ServiceObject service, ServiceContext context)
    {
        long addresses = service.ClusterIPs.Concat(service.IngressIPs).Concat(service.ExternalIPs).Count(context.IsServed);
        long nodeAddresses = context.NodeAddresses.Count(context.IsServed);
        return (service.Ports.Count * addresses) + (service.Ports.Count(p => p.NodePort != 0) * nodeAddresses);
    }
}

/// <summary>The properties of the node that determine how it serves a service.</summary>
/// <param name="NodeName">The node's name in Kubernetes.</param>
/// <param name="NodeAddresses">The addresses that serve node ports.</param>
/// <param name="Zone">The node's zone; empty if unknown.</param>
/// <param name="Family">The address family that is served.</param>
/// <param name="Node">The node's settings; null if there are none.</param>
internal sealed record ServiceContext(
    string NodeName, IReadOnlyList<IPAddress> NodeAddresses, string Zone, AddressFamily Family, NodeSettings? Node = null)
{
    public static ServiceContext Of(NodeSettings node, string zone = "") =>
        new(node.Name, node.NodeAddresses, zone, AddressFamily.InterNetwork, node);

    /// <summary>Why no service can be served at the address; null if one can.</summary>
    public string? FrontendProblem(IPAddress address) => Node is null ? null : ServiceRules.FrontendProblem(address, Node);

    /// <summary>Whether packets to the address go to the node itself.</summary>
    public bool IsOwn(IPAddress address) => NodeAddresses.Contains(address) || Node?.HostAddresses.Contains(address) == true;

    public bool IsServed(IPAddress address) => address.AddressFamily == Family;
}
