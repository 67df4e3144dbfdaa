namespace ACCOffload.InfraManager.Target;

/// <summary>The names of the indexes of the pipeline's counter "drops".</summary>
internal static class DropReasons
{
    public const string Counter = "drops";

    private static readonly string[] Names =
    [
        "none", "unknown_port", "spoofed_mac", "spoofed_ip", "spoofed_arp", "spoofed_pod", "bad_checksum", "ttl_expired", "no_route",
        "unsupported_ethertype", "ip_options", "malformed", "arp_ignored", "bad_source", "not_for_gateway", "multicast",
        "no_backend", "no_local_backend", "source_range", "no_flow", "masquerade", "service_fragment", "held", "share",
        "tiny_fragment", "overlapping_fragment", "unassigned", "bad_destination", "spoofed_node", "gateway", "too_big", "truncated",
        "tunnel", "no_neighbor", "policy_egress", "policy_ingress", "policy_pending",
    ];

    /// <summary>
    /// Replaces a cell name such as drops[3] with the reason's name. The soft target uses such names, because it does not know the meaning.
    /// </summary>
    public static string Name(string cell)
    {
        var bracket = cell.IndexOf('[', StringComparison.Ordinal);
        if (bracket < 0 || !cell.EndsWith(']') || !int.TryParse(cell.AsSpan(bracket + 1, cell.Length - bracket - 2), out var index))
        {
            return cell;
        }

        return Label(cell[(cell.LastIndexOf('.', bracket) + 1)..bracket], index) is { Length: > 0 } label ? label : cell;
    }

    /// <summary>The reason's name; empty for an unknown index or another counter.</summary>
    public static string Label(string counter, long index) =>
        counter == Counter && index >= 0 && index < Names.Length ? Names[index] : "";
}
