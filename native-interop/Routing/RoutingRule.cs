using System.Net;
using System.Net.Sockets;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A routing rule (ip-rule(8)) that selects a table. Every given selector has to match.</summary>
public sealed record RoutingRule
{
    /// <summary>The number of the local table, which holds the machine's own addresses (RT_TABLE_LOCAL).</summary>
    public const int LocalTable = 255;

    private readonly AddressFamily _family = AddressFamily.InterNetwork;

    /// <summary>The family of a rule without addresses; otherwise that of its addresses.</summary>
    public AddressFamily Family
    {
        get => (Source ?? Destination)?.AddressFamily ?? _family;
        init => _family = value;
    }

    /// <summary>Source address; null for any.</summary>
    public IPAddress? Source { get; init; }

    /// <summary>Prefix length of the source address; null for the whole address.</summary>
    public int? SourcePrefixLength { get; init; }

    /// <summary>Destination address; null for any.</summary>
    public IPAddress? Destination { get; init; }

    /// <summary>Prefix length of the destination address; null for the whole address.</summary>
    public int? DestinationPrefixLength { get; init; }

    /// <summary>Name of the interface that the packet arrived on, "lo" for the machine's own packets; null for any.</summary>
    public string? InputInterface { get; init; }

    /// <summary>Number of the transport protocol (IANA); 0 for any.</summary>
    public byte IpProtocol { get; init; }

    /// <summary>Destination ports; null for any.</summary>
    public RulePorts? DestinationPorts { get; init; }

    /// <summary>Table to look up.</summary>
    public required int Table { get; init; }

    /// <summary>
    /// Priority: lower values are tried first. Null: the kernel puts a new rule before all others except the local table's, and deletes one
    /// of any priority.
    /// </summary>
    public int? Priority { get; init; }

    /// <summary>Origin of the rule (rtm_protocol); 0 for unspecified.</summary>
    public byte Protocol { get; init; }

    /// <summary>Whether the kernel's rule has selectors that are not represented here. Such a rule must not be added or deleted.</summary>
    public bool HasOtherSelectors { get; init; }

    /// <summary>Whether the rule matches every packet of its family.</summary>
    public bool MatchesAll =>
        Source is null && Destination is null && InputInterface is null && IpProtocol == 0 && DestinationPorts is null
            && !HasOtherSelectors;
}
