using System.Net;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Cni;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Devices;

/// <summary>
/// Routing for a pod's second interface. The default route belongs to the first interface, so replies from the second one's addresses would
/// leave by the wrong interface and be dropped. For each of these addresses, a rule selects a routing table that belongs to the interface.
/// The kernel deletes an interface's routes with it, but not the rules.
/// </summary>
internal static class SourceRouting
{
    /// <summary>
    /// Above the numbers that administrators use, and those of the sbr plugin (from 100). No interface has it: their indexes start at 1.
    /// </summary>
    public const int FirstTable = 0x0acc_0000;

    /// <summary>Between the rules of the local and the main table.</summary>
    private const int Priority = 1000;

    /// <summary>The interface's own table, unique in the namespace.</summary>
    public static int TableOf(int index) => checked(FirstTable + index);

    /// <summary>True if a requested default route was not added because another interface already has one.</summary>
    public static bool IsNeeded(IReadOnlyList<CniRoute> wanted, IReadOnlyList<CniRoute> added) =>
        wanted.Any(r => r.Destination.PrefixLength == 0 && r.Table is null
            && !added.Any(a => a.Table is null && a.Destination.Equals(r.Destination)));

    /// <summary>
    /// Adds the routes to the table, and the rules that select it. Existing routes are replaced; existing rules are kept.
    /// </summary>
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
                // Skips the kernel's gateway lookup, which could find the gateway behind another interface in the main table.
                OnLink = route.Gateway is not null,
            }, replace: true);
        }
        foreach (var address in addresses)
        {
            pod.Links.AddRule(new RoutingRule { Source = address, Table = table, Priority = Priority });
        }
    }

    /// <summary>Removes the rules. Does nothing if the namespace no longer exists, because its rules are gone too.</summary>
    /// <exception cref="CniException">The namespace exists but can't be opened.</exception>
    /// <exception cref="LinuxException">The kernel refuses to list or delete the rules.</exception>
    public static void Remove(Claim claim)
    {
        PodNetwork pod;
        try
        {
            pod = PodNetwork.Open(claim.NetNs, claim.Key.InterfaceName, allowHost: true);
        }
        catch (CniException) when (PodDevices.IsPodGone(claim) || PodDevices.IsNoNamespace(claim.NetNs))
        {
            return;
        }
        using (pod)
        {
            foreach (var rule in pod.Links.GetRules())
            {
                if (rule.Table == claim.SourceTable && rule.Source is { } source && claim.Addresses.Contains(source))
                {
                    pod.Links.DeleteRule(rule);
                }
            }
        }
    }
}
