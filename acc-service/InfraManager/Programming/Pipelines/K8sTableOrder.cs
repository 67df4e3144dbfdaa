using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Pipelines;

/// <summary>The table order of our own pipeline.</summary>
internal sealed class K8sTableOrder : TableOrder
{
    // A tunnel refers to its neighbour, a row of the same table.
    private const int TunnelHopRank = 3;

    // A backend drains only after no more new flows are sent to it.
    private const int DrainRank = 8;

    public static K8sTableOrder Instance { get; } = new();

    public override int Of(TableSchema table) => table.Alias switch
    {
        "port_class" => 0,
        "mac_guard" or "source_guard" or "local_sources" => 1,
        "next_hops" => OtherRank,
        "endpoints" => 3,
        "backends" or "destinations" or "tunnels" => 4,
        "buckets" or "source_ranges" or "pools" or "routes" => 5,
        "frontends" or "outgoing" => 6,
        "services" => 7,
        _ => OtherRank,
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

    public override bool HasIds(TableSchema table) =>
        table.Alias is "endpoints" or "backends" or "buckets" or "source_ranges" or "frontends" or "services";

    public override bool IsBackendTable(TableSchema table) => table.Alias is "backends";

    public override bool IsPodRoute(TableSchema table) => table.Alias is "pods";
}
