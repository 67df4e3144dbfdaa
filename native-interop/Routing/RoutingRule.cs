using System.Net;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A routing rule (ip-rule(8)) that sends packets from an address to a table.</summary>
public sealed record RoutingRule
{
    /// <summary>Source address that the rule is for.</summary>
    public required IPAddress Source { get; init; }

    /// <summary>Bits of the source address that count; null for all.</summary>
    public int? SourcePrefixLength { get; init; }

    /// <summary>Table that is looked up.</summary>
    public required int Table { get; init; }

    /// <summary>Place among the rules: lower ones are tried first; 0 lets the kernel put a new rule in front of all but the local table's.</summary>
    public int Priority { get; init; }
}
