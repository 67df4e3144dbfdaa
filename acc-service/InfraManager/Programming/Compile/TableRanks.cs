using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.Programming.Compile;

/// <summary>
/// The order in which tables are filled; they are emptied in reverse. A port is classified before its guards open, and packets are sent to it
/// last, so that a packet meets an endpoint wholly or not at all. What points to rows of another table comes after that table. The tables of the packages of
/// release 24.01 follow ours; no name means two things.
/// </summary>
internal static class TableRanks
{
    /// <summary>A backend gives its flows up only when nobody is sent to it any more.</summary>
    public const int Drain = 8;

    public static int Of(TableSchema table) => NameOf(table) switch
    {
        "port_class" => 0,
        "mac_guard" or "source_guard" or "local_sources" => 1,
        "endpoints" => 3,
        "backends" => 4,
        "buckets" or "source_ranges" or "pools" => 5,
        "frontends" or "outgoing" => 6,
        "services" => 7,

        "service_flow_packet_options" => 0,
        "pod_gateway_mac_mod_table" => 1,
        "write_source_ip_table" => 3,
        "write_dest_ip_table" => 4,
        "rx_src_ip" or "set_meta_tcp" or "set_meta_udp" => 5,
        "tx_balance" => 6,
        "tx_balance_tcp" or "tx_balance_udp" => 7,
        "arp_to_port_table" or "arpt_to_port_table" or "ipv4_to_port_table" or "ipv4_to_port_table_rx" or "ipv4_to_port_table_tx" or "ipv4_to_port_table_tx_tcp"
            or "ipv4_to_port_table_tx_service" => 7,
        _ => table.Kind switch
        {
            TableKind.ProfileMembers => 5,
            TableKind.ProfileGroups => 6,
            _ => 2,
        },
    };

    /// <summary>Whether the data plane fills the table by itself: nothing of it is written, read or compared.</summary>
    public static bool IsLearned(TableSchema table) => NameOf(table) is "flows" or "replies" or "affinities" or "fragments" or "answers" or "periods";

    /// <summary>Rows that are there while others are replaced.</summary>
    public static bool IsHold(TableSchema table) => NameOf(table) is "held";

    /// <summary>Whether rows hold ids of services: learned flows may name them as soon as such a row is there.</summary>
    public static bool HasIds(TableSchema table) => NameOf(table) is "endpoints" or "backends" or "buckets" or "source_ranges" or "frontends" or "services";

    /// <summary>Rows that lead to a backend's address.</summary>
    public static bool IsBackends(TableSchema table) => NameOf(table) is "backends" or "write_dest_ip_table";

    /// <summary>Rows that lead packets to an address's port.</summary>
    public static bool IsWayToPod(TableSchema table) => NameOf(table) is "pods" or "ipv4_to_port_table" or "ipv4_to_port_table_tx" or "ipv4_to_port_table_tx_tcp"
        or "ipv4_to_port_table_tx_service" or "ipv4_to_port_table_rx";

    /// <summary>An alias that is the whole name ends with what the table is called.</summary>
    private static ReadOnlySpan<char> NameOf(TableSchema table) => table.Alias.AsSpan(table.Alias.LastIndexOf('.') + 1);
}
