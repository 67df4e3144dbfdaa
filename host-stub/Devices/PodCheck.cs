using System.Net;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.HostStub.Devices;

/// <summary>Compares a pod's namespace with the result that the runtime stored, which later plugins may have changed.</summary>
internal static class PodCheck
{
    /// <exception cref="CniException">Names what is missing or different.</exception>
    public static void Check(PodNetwork pod, CniResult expected, string sandbox, Claim claim)
    {
        var index = expected.Interfaces.FindIndex(i => i.Name == pod.InterfaceName && i.Sandbox == sandbox);
        if (index < 0)
        {
            throw new CniException(CniErrorCode.InvalidNetworkConfig, $"prevResult has no interface {pod.InterfaceName} in {sandbox}");
        }

        var link = pod.Find() ?? throw Missing($"interface {pod.InterfaceName} is gone", sandbox);
        CheckLink(link, expected.Interfaces[index], sandbox, claim);
        CheckAddresses(pod, link, expected, index, sandbox);
        var rules = pod.Links.GetRules().Where(r => r.Source is { } source && claim.Addresses.Contains(source)).ToArray();
        CheckRoutes(pod, expected, index, sandbox, rules);
        if (claim.SourceTable != 0)
        {
            CheckSourceRouting(pod, link, claim, sandbox, rules);
        }
    }

    private static void CheckLink(LinkInfo link, CniInterface expected, string sandbox, Claim claim)
    {
        if (!link.IsUp)
        {
            throw Missing($"interface {link.Name} is down", sandbox);
        }

        if (expected.Mac.Length > 0 && (!MacAddress.TryParse(expected.Mac, out var mac) || mac != link.Mac))
        {
            throw Missing($"interface {link.Name} has the MAC {link.Mac}, not {expected.Mac}", sandbox);
        }
        // A later plugin may lower the MTU, and not every plugin updates the result. Packets larger than the port's MTU would be lost.
        if (link.Mtu > claim.Mtu)
        {
            throw Missing($"interface {link.Name} has the MTU {link.Mtu}, larger than the {claim.Mtu} of its port", sandbox);
        }
    }

    private static void CheckAddresses(PodNetwork pod, LinkInfo link, CniResult expected, int index, string sandbox)
    {
        var present = pod.Links.GetAddresses(link.Index);
        foreach (var address in AddressesOf(expected, index))
        {
            if (!present.Any(p => p.Address.Equals(address.Address) && p.PrefixLength == address.PrefixLength))
            {
                throw Missing($"interface {link.Name} lacks the address {address.Address}/{address.PrefixLength}", sandbox);
            }
        }
    }

    // Checks only routes to and through the gateway of our addresses: other plugins check their own. The sbr plugin moves ours into its own
    // tables.
    private static void CheckRoutes(PodNetwork pod, CniResult expected, int index, string sandbox, IReadOnlyList<RoutingRule> rules)
    {
        var gateways = AddressesOf(expected, index).Select(a => a.Gateway).OfType<IPAddress>().ToHashSet();
        foreach (var table in expected.Routes.Where(
            r => gateways.Contains(r.Gateway ?? r.Destination.BaseAddress)).GroupBy(r => r.Table ?? Route.MainTable))
        {
            int[] tables = table.Key == Route.MainTable ? [Route.MainTable, .. rules.Select(r => r.Table).Distinct()] : [table.Key];
            var present = tables.SelectMany(t => pod.Links.GetRoutes(0, t)).ToArray();
            foreach (var route in table)
            {
                if (!present.Any(
                    p => p.Destination.Equals(route.Destination) && !p.IsMultipath
                        && (route.Gateway is null || Equals(p.Gateway, route.Gateway))))
                {
                    throw Missing($"the route to {route.Destination}{Via(route.Gateway)} is gone", sandbox);
                }
            }
        }
    }

    private static void CheckSourceRouting(PodNetwork pod, LinkInfo link, Claim claim, string sandbox, IReadOnlyList<RoutingRule> rules)
    {
        foreach (var address in claim.Addresses)
        {
            if (!rules.Any(r => address.Equals(r.Source) && HasDefaultRoute(pod, link, address, r.Table)))
            {
                throw Missing($"no routing rule sends packets from {address} through {link.Name}", sandbox);
            }
        }
    }

    private static bool HasDefaultRoute(PodNetwork pod, LinkInfo link, IPAddress address, int table) =>
        pod.Links.GetRoutes(link.Index, table)
            .Any(r => r.Destination.PrefixLength == 0 && r.Destination.BaseAddress.AddressFamily == address.AddressFamily);

    // Without an index it belongs to the only interface.
    private static IEnumerable<CniAddress> AddressesOf(CniResult expected, int index) =>
        expected.Addresses.Where(a => a.Interface is { } of ? of == index : expected.Interfaces.Count == 1);

    private static string Via(IPAddress? gateway) => gateway is null ? "" : $" via {gateway}";

    private static CniException Missing(string what, string sandbox) => new(CniErrorCode.Internal, what, $"in {sandbox}");
}
