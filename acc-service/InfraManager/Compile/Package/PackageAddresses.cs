using System.Net;
using System.Net.Sockets;
using ACCOffload.InfraManager.Model;

namespace ACCOffload.InfraManager.Compile.Package;

/// <summary>The IPv4 addresses by which an endpoint is reached: the host's are also those that the configuration gives the node.</summary>
internal static class PackageAddresses
{
    public static IEnumerable<ulong> Of(EndpointSpec spec, NodeSettings node)
    {
        IEnumerable<IPAddress> all = spec.Kind == EndpointKind.Host ? spec.Addresses.Concat(node.HostAddresses).Concat(node.NodeAddresses).Distinct() : spec.Addresses;
        return all.Where(a => a.AddressFamily == AddressFamily.InterNetwork).Select(PackageTable.Ip);
    }
}
