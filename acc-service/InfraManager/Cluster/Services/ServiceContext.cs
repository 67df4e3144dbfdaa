using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

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
