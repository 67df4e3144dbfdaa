using ACCOffload.P4Runtime.Entries;

namespace ACCOffload.InfraManager.Tests.Support;

/// <summary>The rows that the node has even without endpoints and services.</summary>
internal static class NodeRows
{
    private static readonly string[] Actions = ["pool_ports", "to_gateway", "gateway_source", "unassigned", "never_routed"];

    public static bool Has(Entry row) => Has(row.Action.Alias);

    public static bool Has(string? action) => Actions.Contains(action);
}
