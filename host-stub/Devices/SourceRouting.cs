using System.Net;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// A pod's second interface: the default route is the first one's, so answers from the second one's addresses would leave by the wrong interface, where nobody lets
/// them pass. A rule for each of these addresses leads to a table of the interface's own. Routes go with the interface; rules stay until they are removed.
/// </summary>
internal static class SourceRouting
{
    /// <summary>Beyond what people number, and what the sbr plugin counts from (100).</summary>
    private const int FirstTable = 0x0acc_0000;

    /// <summary>Before the main table's rule, and behind the local table's.</summary>
    private const int Priority = 1000;

    /// <summary>The interface's own table; no other interface of the namespace has it.</summary>
    public static int TableOf(int index) => checked(FirstTable + index);

    /// <summary>True when a default route that was wanted is another interface's.</summary>
    public static bool IsNeeded(IReadOnlyList<CniRoute> wanted, IReadOnlyList<CniRoute> added) =>
        wanted.Any(r => r.Destination.PrefixLength == 0 && r.Table is null && !added.Any(a => a.Destination.Equals(r.Destination)));

    /// <summary>Makes table and rules; what is there already stays.</summary>
    public static void Add(PodNetwork pod, int index, int table, IReadOnlyList<IPAddress> addresses, IReadOnlyList<IPAddress> gateways)
    {
        foreach (var route in PodRoutes.For(addresses, gateways, []))
        {
            pod.Links.AddRoute(new Route
            {
                Destination = route.Destination,
                Gateway = route.Gateway,
                InterfaceIndex = index,
                Scope = route.Scope is { } scope ? (RouteScope)scope : null,
                Table = table,
                // The main table may know the gateway behind another interface.
                OnLink = route.Gateway is not null,
            }, replace: true);
        }
        foreach (var address in addresses)
        {
            pod.Links.AddRule(new RoutingRule { Source = address, Table = table, Priority = Priority });
        }
    }

    /// <summary>Removes the rules; no error when the namespace is gone, and they with it.</summary>
    /// <exception cref="LinuxException">The kernel refuses.</exception>
    public static void Remove(Claim claim)
    {
        PodNetwork pod;
        try
        {
            pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: true);
        }
        catch (CniException)
        {
            return;
        }
        using (pod)
        {
            foreach (var rule in pod.Links.GetRules())
            {
                if (rule.Table == claim.SourceTable && claim.Addresses.Contains(rule.Source))
                {
                    pod.Links.DeleteRule(rule);
                }
            }
        }
    }
}
