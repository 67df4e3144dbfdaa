using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Devices;
using ACCOffload.NativeInterop.Netlink;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.HostStub.Reconcile;

/// <summary>
/// Sends the host's own traffic to services into the pipeline. Service ranges are routes. For ports of external addresses and of the
/// node's own addresses, which the host's stack would answer itself, rules before the local table select a table with a route into the
/// pipeline; for that, the local table's rule moves back. The kernel looks up the way back of an answer without its ports (rp_filter,
/// accept_local), so a rule per address covers it. Everything is marked with <see cref="Origin"/>, so that it can be removed.
/// </summary>
internal static class ServiceRouting
{
    /// <summary>rtm_protocol of our routes and rules. The kernel and routing daemons do not use it.</summary>
    public const byte Origin = 172;

    /// <summary>The table with the route into the pipeline.</summary>
    public const int Table = SourceRouting.FirstTable;

    /// <summary>Priority of the rules for ports and for the way back.</summary>
    public const int Priority = 90;

    /// <summary>Priority of the local table's rule behind them.</summary>
    public const int LocalPriority = 100;

    /// <param name="host">The host's namespace.</param>
    /// <param name="link">The host's interface into the pipeline.</param>
    /// <param name="gateway">The pipeline's gateway.</param>
    /// <param name="source">The source address of the host's traffic over routes; null for the kernel's choice.</param>
    /// <param name="detourSource">
    /// The source address of its traffic through the rules; null to set no rules. With one of the node's own addresses, a reply from that
    /// address would go to the same address.
    /// </param>
    /// <param name="services">What belongs in the pipeline.</param>
    /// <param name="except">Destinations that keep their routes.</param>
    public static void Apply(
        PodNetwork host, LinkInfo link, IPAddress gateway, IPAddress? source, IPAddress? detourSource, HostServices services,
        IReadOnlyCollection<IPNetwork> except)
    {
        SetRoutes(host, link, gateway, source, services, except);
        var own = host.Links.GetAddresses().Select(a => a.Address).ToHashSet();
        var local = services.NodeAddresses.Where(own.Contains).ToList();
        HashSet<RoutingRule> rules = [.. services.Ports.SelectMany(p => (p.Address is null ? local : [p.Address])
            .Where(a => a.AddressFamily == gateway.AddressFamily).Select(a => RuleFor(a, p.Protocol, p.Ports)))];
        if (rules.Count == 0 || detourSource is null)
        {
            RemoveRules(host);
            return;
        }

        rules.UnionWith(rules.Select(r => ReturnRuleFor(detourSource, r.Destination!)).ToList());
        host.Links.AddRoute(
            new Route
            {
                Destination = new IPNetwork(gateway.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0),
                Gateway = gateway,
                InterfaceIndex = link.Index,
                OnLink = true,
                PreferredSource = detourSource,
                Table = Table,
                Protocol = Origin,
            },
            replace: true);
        SetRules(host, rules, gateway.AddressFamily);
    }

    /// <summary>Removes our rules and moves the local table's rule back to the front; the routes go with the interface.</summary>
    public static void RemoveRules(PodNetwork host)
    {
        var rules = host.Links.GetRules();
        // The local table's rule returns to its place before ours is deleted.
        foreach (var moved in rules.Where(r => r.Protocol == Origin && r.Table == RoutingRule.LocalTable))
        {
            if (!rules.Any(r => IsLocal(r, moved.Family) && r.Protocol != Origin))
            {
                AddFirst(host, moved.Family);
            }

            host.Links.DeleteRule(moved);
        }

        foreach (var rule in rules.Where(r => r.Table == Table))
        {
            host.Links.DeleteRule(rule);
        }
    }

    /// <summary>Removes our routes through the interface and all rules.</summary>
    public static void Remove(PodNetwork host, LinkInfo? link)
    {
        RemoveRules(host);
        foreach (var route in link is null ? [] : host.Links.GetRoutes(link.Index).Where(r => r.Protocol == Origin))
        {
            host.Links.DeleteRoute(route);
        }
    }

    private static void SetRoutes(
        PodNetwork host, LinkInfo link, IPAddress gateway, IPAddress? source, HostServices services, IReadOnlyCollection<IPNetwork> except)
    {
        // Routes that others made stay: replacing one would lose it for good. The list has unicast routes only, so the kernel decides
        // about others, such as a blackhole.
        var present = host.Links.GetRoutes();
        var foreign = present.Where(r => r.Protocol != Origin).Select(r => r.Destination).ToHashSet();
        var wanted = services.Ranges.Where(r => r.BaseAddress.AddressFamily == gateway.AddressFamily && !except.Contains(r)
            && !foreign.Contains(r)).ToHashSet();
        foreach (var route in present.Where(r => r.Protocol == Origin && r.InterfaceIndex == link.Index))
        {
            if (!wanted.Contains(route.Destination))
            {
                host.Links.DeleteRoute(route);
            }
            else if (gateway.Equals(route.Gateway) && Equals(source, route.PreferredSource))
            {
                wanted.Remove(route.Destination);
            }
        }

        foreach (var destination in wanted)
        {
            try
            {
                host.Links.AddRoute(
                    new Route
                    {
                        Destination = destination,
                        Gateway = gateway,
                        InterfaceIndex = link.Index,
                        OnLink = true,
                        PreferredSource = source,
                        Protocol = Origin,
                    },
                    replace: present.Any(r => r.Protocol == Origin && r.Destination.Equals(destination)));
            }
            catch (NetlinkException e) when (e.Errno == Errno.EEXIST)
            {
            }
        }
    }

    private static void SetRules(PodNetwork host, HashSet<RoutingRule> wanted, AddressFamily family)
    {
        var rules = host.Links.GetRules();
        // The local table's rule is added behind ours first, and the one in front is deleted last: the local table is always in use.
        if (!rules.Any(r => IsLocal(r, family) && r.Priority > Priority))
        {
            host.Links.AddRule(new RoutingRule
            {
                Family = family,
                Table = RoutingRule.LocalTable,
                Priority = LocalPriority,
                Protocol = Origin,
            });
        }

        foreach (var rule in rules.Where(r => r.Table == Table && !wanted.Remove(r)))
        {
            host.Links.DeleteRule(rule);
        }

        foreach (var rule in wanted)
        {
            host.Links.AddRule(rule);
        }

        foreach (var first in rules.Where(r => IsLocal(r, family) && r.Priority < Priority))
        {
            host.Links.DeleteRule(first);
        }
    }

    private static RoutingRule RuleFor(IPAddress address, byte protocol, RulePorts ports) => new()
    {
        Family = address.AddressFamily,
        Destination = address,
        DestinationPrefixLength = PodNetwork.Bits(address),
        // The machine's own packets.
        InputInterface = "lo",
        IpProtocol = protocol,
        DestinationPorts = ports,
        Table = Table,
        Priority = Priority,
        Protocol = Origin,
    };

    // The answer's source is one of the machine's own addresses or not reachable through this interface for other traffic. Only what uses
    // the detour has this source address.
    private static RoutingRule ReturnRuleFor(IPAddress detourSource, IPAddress destination) => new()
    {
        Source = detourSource,
        SourcePrefixLength = PodNetwork.Bits(detourSource),
        Destination = destination,
        DestinationPrefixLength = PodNetwork.Bits(destination),
        InputInterface = "lo",
        Table = Table,
        Priority = Priority,
        Protocol = Origin,
    };

    private static bool IsLocal(RoutingRule rule, AddressFamily family) =>
        rule.Family == family && rule.Table == RoutingRule.LocalTable && rule.MatchesAll;

    // Like the kernel's own rule, with priority 0, but without an origin: RTPROT_KERNEL is for the kernel's own rules.
    private static void AddFirst(PodNetwork host, AddressFamily family) =>
        host.Links.AddRule(new RoutingRule { Family = family, Table = RoutingRule.LocalTable, Priority = 0 });
}
