using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Compile;

/// <summary>
/// The order in which tables are filled; they are emptied in reverse. A port is classified before its guards open, and packets are sent to it
/// last, so that a packet meets an endpoint wholly or not at all.
/// </summary>
internal static class TableRanks
{
    public static int Of(TableSchema table) => table.Alias switch
    {
        "port_class" => 0,
        "mac_guard" or "source_guard" or "local_sources" => 1,
        _ => 2,
    };
}
