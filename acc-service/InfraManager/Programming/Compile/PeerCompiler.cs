using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// Compiles other nodes and the neighbours on the uplink network into table entries: a pure function of the model, the node's settings and
/// the ports of the uplink. A node on the same link is one row, which leads to its neighbour's next hop.
/// </summary>
internal sealed class PeerCompiler
{
    private const uint Host = uint.MaxValue;

    // The I bit is set by the pipeline; this is the word behind it, whose low byte is reserved (RFC 7348, section 5).
    private const int VniShift = 8;

    private readonly EntryBuilder _destinations;
    private readonly EntryBuilder _nextHops;
    private readonly EntryBuilder _tunnels;
    private readonly EntryBuilder _routes;

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public PeerCompiler(Pipeline pipeline)
    {
        _destinations = pipeline.Table("destinations").NewEntry();
        _nextHops = pipeline.Table("next_hops").NewEntry();
        _tunnels = pipeline.Table("tunnels").NewEntry();
        _routes = pipeline.Table("routes").NewEntry();
        ProbeNames();
    }

    /// <summary>The rows of another node's pods.</summary>
    public Entry[] Compile(RemoteNode node, NetworkModel model, NodeSettings settings)
    {
        var path = NodePath.To(node, settings);
        if (!settings.RoutesNodes || path.Kind == NodePathKind.Routed)
        {
            return [];
        }

        var entries = new List<Entry>(4);
        var via = path.Neighbor is { } neighbor ? model.Neighbors.IdOf(neighbor) : NextHopIds.FirstRoute + (uint)path.Route;
        var mask = MaskOf(model.RemoteNodes.PrefixLength);
        var hop = path.Kind == NodePathKind.Direct ? via : node.Id;
        foreach (var range in node.Facts.PodRanges.Where(r => Ipv4.Is(r) && model.RemoteNodes.Holds(node, r)))
        {
            var extra = model.RemoteNodes.PrefixLength - range.PrefixLength;
            for (var i = 0u; extra <= RemoteNodeProblem.MaxExtraBits && i < 1u << extra; i++)
            {
                var prefix = Ipv4.Value(range.BaseAddress) + (i << (32 - model.RemoteNodes.PrefixLength));
                entries.Add(Destination(prefix, mask, hop));
            }
        }

        if (path.Kind == NodePathKind.Tunnel && settings.TunnelSource is { } source && model.RemoteNodes.Holds(node, path.Address!))
        {
            var remote = Ipv4.Value(path.Address!);
            var vni = (uint)settings.Tunnel.Vni << VniShift;
            entries.Add(Tunnel(new TunnelHop(
                node.Id, via, Ipv4.Value(source), remote, settings.TunnelMac,
                node.Facts.TunnelMac ?? TunnelSettings.MacOf(node.Name), vni, (uint)settings.Tunnel.Port,
                (uint)(settings.UplinkMtu - TunnelSettings.Overhead))));
            entries.Add(TunnelPeer(remote, vni, node.Id, mask));
        }

        return [.. entries];
    }

    /// <summary>The rows of a neighbour; null while the ports are unknown.</summary>
    /// <param name="neighbor">The neighbour.</param>
    /// <param name="settings">The node's settings in effect.</param>
    /// <param name="uplinkPort">The pipeline number of the uplink's port; null while there is none.</param>
    /// <param name="exceptionPort">The pipeline number of the exception port; null while there is none.</param>
    public Entry[]? Compile(Neighbor neighbor, NodeSettings settings, uint? uplinkPort, uint? exceptionPort)
    {
        if (!Ipv4.Is(neighbor.Address) || !settings.RoutesNodes)
        {
            return [];
        }

        if (uplinkPort is not { } uplink || exceptionPort is not { } exception)
        {
            return null;
        }

        return
        [
            Destination(Ipv4.Value(neighbor.Address), Host, neighbor.Id),
            neighbor.Mac is { } mac ? Direct(neighbor.Id, uplink, mac, settings) : Unresolved(neighbor.Id, exception, settings),
        ];
    }

    /// <summary>Adds the uplink's routes: to neighbours, to configured next hops, and to other nodes' pods.</summary>
    public void AddRoutes(List<Entry> entries, NetworkModel model, NodeSettings settings, uint uplinkPort, uint? exceptionPort)
    {
        var uplink = settings.Uplink!;
        Dictionary<IPNetwork, uint> hops = [];
        for (var i = 0; i < uplink.Routes.Count; i++)
        {
            var route = uplink.Routes[i];
            if (!Ipv4.Is(route.Destination))
            {
                continue;
            }

            if (route.Mac is { } mac)
            {
                entries.Add(Direct(NextHopIds.FirstRoute + (uint)i, uplinkPort, mac, settings));
            }

            hops.TryAdd(
                route.Destination, route.Gateway is { } gateway ? model.Neighbors.IdOf(gateway) : NextHopIds.FirstRoute + (uint)i);
        }

        var routes = hops.ToDictionary(h => h.Key, h => Route(h.Key).Action("to_next_hop").Param("next_hop", h.Value).Build());
        if (exceptionPort is { } exception)
        {
            entries.Add(Unresolved(NextHopIds.Exception, exception, settings));
            foreach (var network in uplink.Addresses.Select(a => a.Network).Where(Ipv4.Is))
            {
                routes[network] = ToDestination(network, Host, NextHopIds.Exception);
            }
        }

        if (settings.RoutesNodes && model.RemoteNodes.Count > 0)
        {
            var mask = MaskOf(model.RemoteNodes.PrefixLength);
            foreach (var range in settings.ClusterRanges.Where(r => Ipv4.Is(r) && !settings.PodRanges.Contains(r)))
            {
                // Addresses of no node take the route that they would have without this one.
                var route = NodePath.RouteTo(range.BaseAddress, uplink);
                var fallback = route >= 0 ? hops[uplink.Routes[route].Destination] : 0;
                routes[range] = ToDestination(range, mask, fallback);
            }
        }

        entries.AddRange(routes.Values);
    }

    // A pipeline without one of the names must be refused at start, not at the first node.
    private void ProbeNames()
    {
        var range = new IPNetwork(IPAddress.Any, 0);
        ToDestination(range, Host, NextHopIds.Exception);
        Route(range).Action("to_next_hop").Param("next_hop", NextHopIds.Exception).Build();
        Destination(0, Host, NextHopIds.Exception);
        Direct(NextHopIds.First, 0, default, 0, default);
        Unresolved(NextHopIds.First, 0, default, default);
        Tunnel(new TunnelHop(NextHopIds.First, 0, 0, 0, default, default, 0, 0, 0));
        TunnelPeer(0, 0, NextHopIds.First, Host);
    }

    private static uint MaskOf(int prefixLength) => prefixLength == 0 ? 0 : uint.MaxValue << (32 - prefixLength);

    /// <summary>The sum over the constant words of the outer header (RFC 1071): version, DF, TTL and protocol, addresses.</summary>
    private static uint OuterHeaderSum(uint source, uint destination)
    {
        const uint Constant = 0x4500 + 0x4000 + (64 << 8) + 17;
        var sum = Constant + (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff);
        sum = (sum & 0xffff) + (sum >> 16);
        return (sum & 0xffff) + (sum >> 16);
    }

    private EntryBuilder Route(IPNetwork range) => _routes.Lpm("dst_ip", Ipv4.Value(range.BaseAddress), range.PrefixLength);

    private Entry ToDestination(IPNetwork range, uint mask, uint nextHop) =>
        Route(range).Action("to_destination").Param("mask", mask).Param("next_hop", nextHop).Build();

    private Entry Destination(uint prefix, uint mask, uint nextHop) =>
        _destinations.Exact("prefix", prefix).Exact("mask", mask).Action("destination").Param("next_hop", nextHop).Build();

    // Without a configured MTU, whatever endpoints send fits.
    private Entry Direct(uint id, uint port, MacAddress mac, NodeSettings settings) =>
        Direct(id, port, settings.Uplink!.Mac, settings.Uplink.Mtu > 0 ? (uint)settings.Uplink.Mtu : ushort.MaxValue, mac);

    private Entry Direct(uint id, uint port, MacAddress source, uint mtu, MacAddress mac) => _nextHops.Exact("id", id).Action("direct")
        .Param("port", port).Param("src_mac", source.Value).Param("dst_mac", mac.Value).Param("mtu", mtu).Build();

    // The kernel's interface has the uplink's MAC address.
    private Entry Unresolved(uint id, uint port, NodeSettings settings) =>
        Unresolved(id, port, settings.GatewayMac, settings.Uplink!.Mac);

    private Entry Unresolved(uint id, uint port, MacAddress source, MacAddress kernel) => _nextHops.Exact("id", id).Action("unresolved")
        .Param("port", port).Param("src_mac", source.Value).Param("dst_mac", kernel.Value).Build();

    private Entry Tunnel(TunnelHop hop) => _nextHops.Exact("id", hop.Id).Action("vxlan")
        .Param("via", hop.Via).Param("src_ip", hop.Source).Param("dst_ip", hop.Destination).Param("inner_src_mac", hop.SourceMac.Value)
        .Param("inner_dst_mac", hop.DestinationMac.Value).Param("vni", hop.Vni).Param("udp_port", hop.Port)
        .Param("header_sum", OuterHeaderSum(hop.Source, hop.Destination)).Param("mtu", hop.Mtu).Build();

    private Entry TunnelPeer(uint remote, uint vni, uint nextHop, uint mask) => _tunnels.Exact("outer_src", remote).Exact("vni", vni)
        .Action("tunnel_peer").Param("next_hop", nextHop).Param("mask", mask).Build();

    private readonly record struct TunnelHop(
        uint Id, uint Via, uint Source, uint Destination, MacAddress SourceMac, MacAddress DestinationMac, uint Vni, uint Port, uint Mtu);
}
