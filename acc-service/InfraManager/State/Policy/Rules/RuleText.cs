using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>Says in one line of bounded length which packets a rule matches.</summary>
internal static class RuleText
{
    private const int MaxItems = 8;

    public static string Of(RuleMatch match, PolicyDirection direction)
    {
        var parts = new List<string>();
        if (match.IpVersion != 0)
        {
            parts.Add($"IPv{match.IpVersion}");
        }

        AddAddress(direction == PolicyDirection.Ingress ? "from" : "to", match.Peer, parts);
        AddAddress("pod is", match.Own, parts);
        AddPorts(match, parts);
        AddIcmp("", match.Icmp, parts);
        AddIcmp("not ", match.NotIcmp, parts);
        if (match.IsUndecidable)
        {
            parts.Add("and a condition that cannot be decided here");
        }

        return parts.Count == 0 ? "everything" : string.Join("; ", parts);
    }

    private static void AddAddress(string verb, AddressMatch match, List<string> parts)
    {
        if (match == AddressMatch.Any)
        {
            return;
        }

        var facts = new List<string>();
        Add("", " or ", match.Nets, facts);
        Add("", " and ", match.AllOf, facts);
        Add("", " or ", match.AnyOf, facts);
        Add("not ", " or ", match.NotNets, facts);
        Add("not ", " or ", match.NoneOf, facts);
        parts.Add($"{verb} {string.Join(", ", facts)}");
    }

    private static void AddPorts(RuleMatch match, List<string> parts)
    {
        var protocol = match.Protocol is { } number ? IpProtocol.NameOf(number) : "";
        if (match.Ports.Count > 0 || match.NamedPorts.Count > 0)
        {
            var ports = new List<string>();
            Add("", ", ", match.Ports, ports);
            Add("", ", ", match.NamedPorts, ports);
            parts.Add($"{(protocol.Length > 0 ? protocol : "any protocol with ports")} {string.Join(", ", ports)}");
        }
        else if (protocol.Length > 0)
        {
            parts.Add(protocol);
        }

        if (match.NotProtocol is { } other)
        {
            parts.Add($"not {IpProtocol.NameOf(other)}");
        }

        Add("not port ", ", ", match.NotPorts, parts);
        Add("not ", ", ", match.NotNamedPorts, parts);
    }

    private static void AddIcmp(string prefix, IcmpMatch? match, List<string> parts)
    {
        if (match is { } icmp)
        {
            parts.Add($"{prefix}ICMP type {icmp.Type}{(icmp.Code is { } code ? $" code {code}" : "")}");
        }
    }

    private static void Add(string prefix, string separator, SequenceOf<PolicyNet> nets, List<string> parts) =>
        Add(prefix, separator, nets.Count, i => nets[i].ToString(), parts);

    private static void Add(string prefix, string separator, SequenceOf<string> names, List<string> parts) =>
        Add(prefix, separator, names.Count, i => names[i], parts);

    private static void Add(string prefix, string separator, SequenceOf<PortSpan> ports, List<string> parts) =>
        Add(prefix, separator, ports.Count, i => ports[i].First == ports[i].Last ? $"{ports[i].First}" : ports[i].ToString(), parts);

    private static void Add(string prefix, string separator, int count, Func<int, string> textOf, List<string> parts)
    {
        if (count == 0)
        {
            return;
        }

        var text = string.Join(separator, Enumerable.Range(0, Math.Min(count, MaxItems)).Select(textOf));
        parts.Add($"{prefix}{text}{(count > MaxItems ? $" and {count - MaxItems} more" : "")}");
    }
}
