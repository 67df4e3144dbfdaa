using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Compile;

/// <summary>
/// The order in which tables are filled; they are emptied in reverse. A port is classified before its guards open, and packets are sent to it
/// last, so that a packet meets an endpoint wholly or not at all. What points to rows of another table comes after that table.
/// </summary>
internal static class TableRanks
{
    /// <summary>A backend gives its flows up only when nobody is sent to it any more.</summary>
    public const int Drain = 8;

    public static int Of(TableSchema table) => table.Alias switch
    {
        "port_class" => 0,
        "mac_guard" or "source_guard" or "local_sources" => 1,
        "endpoints" => 3,
        "backends" => 4,
        "buckets" or "source_ranges" or "pools" => 5,
        "frontends" or "outgoing" => 6,
        "services" => 7,
        _ => 2,
    };

    /// <summary>Whether the data plane fills the table by itself: nothing of it is written, read or compared.</summary>
    public static bool IsLearned(TableSchema table) => table.Alias is "flows" or "replies" or "affinities";
}
