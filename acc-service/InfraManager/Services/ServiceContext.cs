using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Model;

namespace ACCOffload.InfraManager.Services;

/// <summary>The node, as far as it decides what a service is here.</summary>
/// <param name="NodeName">In Kubernetes.</param>
/// <param name="NodeAddresses">Node ports are served at these.</param>
/// <param name="Zone">Of the node; empty when it is not known.</param>
/// <param name="Family">The one family that is served.</param>
internal sealed record ServiceContext(string NodeName, IReadOnlyList<IPAddress> NodeAddresses, string Zone, AddressFamily Family)
{
    public static ServiceContext Of(NodeSettings node, string zone = "") => new(node.Name, node.NodeAddresses, zone, AddressFamily.InterNetwork);

    public bool IsServed(IPAddress address) => address.AddressFamily == Family;
}
