using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Admission;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>Which addresses and ports a Service claims on this node.</summary>
internal static class ServiceFrontends
{
    /// <summary>
    /// False for what no proxy serves here: ExternalName, headless (no cluster address, or the label), another proxy's, and what has no address of
    /// the family that is served.
    /// </summary>
    public static bool IsServed(ServiceObject service, ServiceContext context) =>
        service is { Type: not ServiceType.ExternalName, HasProxyName: false, HasHeadlessLabel: false }
        && service.ClusterIPs.Any(context.IsServed);

    /// <summary>The frontends of one port, each key once.</summary>
    public static IEnumerable<(FrontendKey Key, FrontendKind Kind)> Of(ServiceObject service, ServicePortObject port, ServiceContext context)
    {
        var found = new Dictionary<FrontendKey, FrontendKind>();
        Add(service.ClusterIPs, port.Port, FrontendKind.ClusterIP);
        // Before the external ones: an address that is both is under the load balancer's source ranges.
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

    /// <summary>All of a Service, with the kind that each is of; none of one that has too many to be served.</summary>
    public static IEnumerable<(FrontendKey Key, FrontendKind Kind)> Of(ServiceObject service, ServiceContext context) =>
        IsServed(service, context) && ServiceBounds.WhyNotFrontends(CountOf(service, context)) is null
            ? service.Ports.SelectMany(p => Of(service, p, context)).DistinctBy(f => f.Key)
            : [];

    /// <summary>How many a Service has at most: an address that is listed twice counts twice.</summary>
    public static long CountOf(ServiceObject service, ServiceContext context)
    {
        long addresses = service.ClusterIPs.Concat(service.IngressIPs).Concat(service.ExternalIPs).Count(context.IsServed);
        return (service.Ports.Count * addresses) + (service.Ports.Count(p => p.NodePort != 0) * (long)context.NodeAddresses.Count(context.IsServed));
    }
}

/// <summary>The node, as far as it decides what a service is here.</summary>
/// <param name="NodeName">In Kubernetes.</param>
/// <param name="NodeAddresses">Node ports are served at these.</param>
/// <param name="Zone">Of the node; empty when it is not known.</param>
/// <param name="Family">The one family that is served.</param>
/// <param name="Node">What else is known of it; null for nothing.</param>
internal sealed record ServiceContext(string NodeName, IReadOnlyList<IPAddress> NodeAddresses, string Zone, AddressFamily Family, NodeSettings? Node = null)
{
    public static ServiceContext Of(NodeSettings node, string zone = "") => new(node.Name, node.NodeAddresses, zone, AddressFamily.InterNetwork, node);

    /// <summary>Null, or why nobody can be served at the address, whoever claims it.</summary>
    public string? WhyNoFrontend(IPAddress address) => Node is null ? null : ServiceRules.WhyNoFrontend(address, Node);

    public bool IsServed(IPAddress address) => address.AddressFamily == Family;
}
