using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming.Compile.Package;

/// <summary>The IPv4 addresses of an endpoint as numbers in host byte order, as the package tables take them.</summary>
internal static class PackageAddresses
{
    public static IEnumerable<ulong> Of(EndpointSpec spec, NodeSettings node) =>
        node.AddressesOf(spec).Where(Ipv4.Is).Select(a => (ulong)Ipv4.Value(a));
}
