using System.Net.Sockets;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>The IPv4 addresses by which an endpoint is reached, as a package's tables match them.</summary>
internal static class PackageAddresses
{
    public static IEnumerable<ulong> Of(EndpointSpec spec, NodeSettings node) =>
        node.AddressesOf(spec).Where(a => a.AddressFamily == AddressFamily.InterNetwork).Select(a => (ulong)Ipv4.Value(a));
}
