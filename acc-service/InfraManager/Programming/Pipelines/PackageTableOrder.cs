using ACCOffload.InfraManager.State.Node;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Pipelines;

/// <summary>The table order of the release 24.01 packages. No table name has different meanings in the two packages.</summary>
internal sealed class PackageTableOrder : TableOrder
{
    public static PackageTableOrder Instance { get; } = new();

    public override int Of(TableSchema table) => NameOf(table) switch
    {
        "service_flow_packet_options" => 0,
        "pod_gateway_mac_mod_table" => 1,
        "write_source_ip_table" => 3,
        "write_dest_ip_table" => 4,
        "rx_src_ip" or "set_meta_tcp" or "set_meta_udp" => 5,
        "tx_balance" => 6,
        "tx_balance_tcp" or "tx_balance_udp" => 7,
        "arp_to_port_table" or "arpt_to_port_table" or "ipv4_to_port_table" or "ipv4_to_port_table_rx" or "ipv4_to_port_table_tx"
            or "ipv4_to_port_table_tx_tcp" or "ipv4_to_port_table_tx_service" => 7,
        _ => table.Kind switch
        {
            TableKind.ProfileMembers => 5,
            TableKind.ProfileGroups => 6,
            _ => OtherRank,
        },
    };

    public override bool IsReferredTo(TableSchema table) => NameOf(table) is "pod_gateway_mac_mod_table" or "write_source_ip_table"
        or "write_dest_ip_table";

    public override bool IsBackendTable(TableSchema table) => NameOf(table) is "write_dest_ip_table";

    public override bool IsPodRoute(TableSchema table) => NameOf(table) is "ipv4_to_port_table" or "ipv4_to_port_table_tx"
        or "ipv4_to_port_table_tx_tcp" or "ipv4_to_port_table_tx_service" or "ipv4_to_port_table_rx";

    // An alias may be the full name, which ends with the table's short name.
    private static ReadOnlySpan<char> NameOf(TableSchema table) => table.Alias.AsSpan(table.Alias.LastIndexOf('.') + 1);
}
