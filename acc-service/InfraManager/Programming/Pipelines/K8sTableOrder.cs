using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Pipelines;

/// <summary>The table order of our own pipeline.</summary>
internal sealed class K8sTableOrder : TableOrder
{
    // A port and the routes to a pod name its policy sets: the rows of policy come first.
    private const int PortRank = 3;

    private const int HopRank = PortRank + 2;

    // A tunnel refers to its neighbour, a row of the same table.
    private const int TunnelHopRank = PortRank + 3;

    // A backend drains only after no more new flows are sent to it.
    private const int DrainRank = PortRank + 8;

    public static K8sTableOrder Instance { get; } = new();

    public override int Of(TableSchema table) => table.Alias switch
    {
        "verdicts" => 0,
        "egress_groups" or "ingress_groups" => 1,
        "peers" or "nets" or "ports" or "port_ranges" => 2,
        "port_class" => PortRank,
        "mac_guard" or "source_guard" or "local_sources" => PortRank + 1,
        "next_hops" => HopRank,
        "endpoints" => PortRank + 3,
        "backends" or "destinations" or "tunnels" => PortRank + 4,
        "buckets" or "source_ranges" or "pools" or "routes" => PortRank + 5,
        "frontends" or "outgoing" => PortRank + 6,
        "services" => PortRank + 7,
        _ => HopRank,
    };

    public override int Of(EntryUpdate update) => update.Entry.Action.Alias switch
    {
        "drain_backend" when update.Kind == UpdateKind.Modify => DrainRank,
        "vxlan" => TunnelHopRank,
        _ => base.Of(update),
    };

    public override bool IsLearned(TableSchema table) =>
        table.Alias is "flows" or "replies" or "affinities" or "fragments" or "answers" or "periods";

    public override bool IsHoldTable(TableSchema table) => table.Alias is "held";

    public override bool IsPolicyTable(TableSchema table) =>
        table.Alias is "verdicts" or "egress_groups" or "ingress_groups" or "peers" or "nets" or "ports" or "port_ranges";

    public override bool HasIds(TableSchema table) =>
        table.Alias is "endpoints" or "backends" or "buckets" or "source_ranges" or "frontends" or "services";

    public override bool IsBackendTable(TableSchema table) => table.Alias is "backends";

    public override bool IsPodRoute(TableSchema table) => table.Alias is "pods";
}
