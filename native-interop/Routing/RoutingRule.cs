using System.Net;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A routing rule (ip-rule(8)) that sends packets from an address to a table.</summary>
public sealed record RoutingRule
{
    /// <summary>Source address that the rule matches.</summary>
    public required IPAddress Source { get; init; }

    /// <summary>Prefix length of the source address; null for the whole address.</summary>
    public int? SourcePrefixLength { get; init; }

    /// <summary>Table to look up.</summary>
    public required int Table { get; init; }

    /// <summary>
    /// Priority: lower values are tried first; 0 lets the kernel put a new rule before all others except the local table's.
    /// </summary>
    public int Priority { get; init; }
}
