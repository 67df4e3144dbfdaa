using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// Compiles masquerading, the gateway and the unrouted ranges into table entries: a pure function of the node's settings and natOutgoing.
/// </summary>
internal sealed class NodeCompiler
{
    private readonly EntryBuilder _pools;
    private readonly EntryBuilder _outgoing;
    private readonly EntryBuilder _routes;
    private readonly EntryBuilder _localSources;

    // "This" network, loopback (RFC 1122, 3.2.1.3), link-local (RFC 3927, 2.7).
    private static readonly IPNetwork[] NeverRouted = [new(new IPAddress([0, 0, 0, 0]), 8), new(new IPAddress([127, 0, 0, 0]), 8),
        new(new IPAddress([169, 254, 0, 0]), 16)];

    /// <exception cref="P4InfoException">The pipeline lacks a table, field or action; the message names it.</exception>
    public NodeCompiler(Pipeline pipeline, NodeSettings node)
    {
        Node = node;
        _pools = pipeline.Table("pools").NewEntry();
        _outgoing = pipeline.Table("outgoing").NewEntry();
        _routes = pipeline.Table("routes").NewEntry();
        _localSources = pipeline.Table("local_sources").NewEntry();
        Compile(new SnatState(new IPAddress([192, 0, 2, 1]), [new IPNetwork(new IPAddress([192, 0, 2, 0]), 24)]));
    }

    /// <summary>The node's settings in effect.</summary>
    public NodeSettings Node { get; set; }

    /// <summary>The entries, in no particular order; each key once. Not thread-safe.</summary>
    public Entry[] Compile(SnatState snat)
    {
        var entries = new List<Entry> { Pool(MasqueradePools.Hairpin, Node.Gateway) };
        AddRoutes(entries);
        if (Node.NodeAddresses.FirstOrDefault(Ipv4.Is) is { } address)
        {
            entries.Add(Pool(MasqueradePools.Services, address));
            entries.Add(Pool(MasqueradePools.Collisions, address));
        }

        // A 24.01 agent's setting takes precedence over the configuration's.
        if (!snat.IsActive)
        {
            if (!Node.MasqueradesOutgoing || Node.NodeAddresses.FirstOrDefault(Ipv4.Is) is not { } source)
            {
                return [.. entries];
            }

            snat = new SnatState(source, [.. Node.ClusterRanges]);
        }

        entries.Add(Pool(MasqueradePools.Outgoing, snat.Address!));
        var everywhere = new IPNetwork(IPAddress.Any, 0);
        entries.Add(Outgoing(everywhere).Action("masquerade_source").Param("pool", MasqueradePools.Outgoing).Build());
        // The node and its pods see each other's own addresses, whatever the prefixes are.
        var own = Node.PodRanges.Concat(Node.NodeAddresses.Concat(Node.HostAddresses).Append(Node.Gateway).Where(Ipv4.Is)
            .Select(a => new IPNetwork(a, 32)));
        foreach (var kept in snat.Prefixes.Concat(own).Where(p => Ipv4.Is(p) && p != everywhere).Distinct())
        {
            entries.Add(Outgoing(kept).Action("keep_source").Build());
        }

        return [.. entries];
    }

    // Without these routes, packets to unassigned addresses of the node's own ranges would leave by the default route and come back.
    // Configured routes take precedence.
    private void AddRoutes(List<Entry> entries)
    {
        var given = (Node.Uplink?.Routes ?? []).Select(r => r.Destination).ToHashSet();
        var gateway = new IPNetwork(Node.Gateway, 32);
        entries.Add(Route(gateway).Action("to_gateway").Build());
        entries.Add(_localSources.Exact("src_ip", Ipv4.Value(Node.Gateway)).Action("gateway_source").Build());
        foreach (var range in Node.PodRanges.Concat(Node.VirtualRanges)
            .Where(r => Ipv4.Is(r) && given.Add(r) && r != gateway))
        {
            entries.Add(Route(range).Action("unassigned").Build());
        }

        foreach (var range in NeverRouted.Where(r => given.Add(r)))
        {
            entries.Add(Route(range).Action("never_routed").Build());
        }
    }

    private EntryBuilder Route(IPNetwork prefix) =>
        _routes.Lpm("dst_ip", Ipv4.Value(prefix.BaseAddress), prefix.PrefixLength);

    private Entry Pool(uint pool, IPAddress address) => _pools
        .Exact("pool", pool).Action("pool_ports").Param("ip", Ipv4.Value(address))
        .Param("first_port", Node.MasqueradePorts.First).Param("ports", (uint)Node.MasqueradePorts.Count)
        .Param("port_mask", Node.MasqueradePorts.Mask).Build();

    private EntryBuilder Outgoing(IPNetwork prefix) =>
        _outgoing.Lpm("dst_ip", Ipv4.Value(prefix.BaseAddress), prefix.PrefixLength);
}
