using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.Protos.V1;

namespace ACCOffload.HostStub.Devices;

/// <summary>A pod's routes: everything goes to the virtual gateway, which is on-link although no address prefix covers it.</summary>
internal static class PodRoutes
{
    /// <summary>The gateway until the ACC reports another one.</summary>
    public static readonly IPAddress DefaultGateway = new([169, 254, 1, 1]);

    public static IReadOnlyList<IPAddress> Gateways(AttachReply reply) =>
        reply.Gateways.Where(g => g.Length is 4 or 16).Select(g => new IPAddress(g.Span)).ToArray();

    /// <exception cref="CniException">The ACC has no gateway of the address's family.</exception>
    public static IPAddress GatewayFor(IPAddress address, IReadOnlyList<IPAddress> gateways) =>
        gateways.FirstOrDefault(g => g.AddressFamily == address.AddressFamily)
        ?? throw new CniException(
            CniErrorCode.InvalidNetworkConfig,
            $"the ACC has no gateway for an address such as {address}",
            "its pipeline does not support this address family");

    /// <summary>In the order in which they must be added: to the gateway itself, the default route, and those of the IPAM plugin.</summary>
    public static IReadOnlyList<CniRoute> For(
        IReadOnlyList<IPAddress> addresses, IReadOnlyList<IPAddress> gateways, IReadOnlyList<CniRoute> wanted)
    {
        var routes = new List<CniRoute>();
        foreach (var address in addresses.DistinctBy(a => a.AddressFamily))
        {
            var gateway = GatewayFor(address, gateways);
            var any = address.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any;
            routes.Add(new CniRoute(new IPNetwork(gateway, PodNetwork.Bits(gateway)), null) { Scope = (int)RouteScope.Link });
            routes.Add(new CniRoute(new IPNetwork(any, 0), gateway));
        }
        foreach (var route in wanted)
        {
            // The next hop is always the virtual gateway, whatever gateway the plugin names.
            var gateway = routes.FirstOrDefault(r => r.Gateway?.AddressFamily == route.Destination.BaseAddress.AddressFamily)?.Gateway;
            if (gateway is not null && !routes.Exists(r => r.Destination.Equals(route.Destination) && r.Table == route.Table))
            {
                routes.Add(route with { Gateway = gateway, Scope = null });
            }
        }
        return routes;
    }
}
