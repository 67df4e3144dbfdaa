namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>Ports from the first to the last, inclusive; any number, since the wire allows it.</summary>
internal readonly record struct FelixPorts(int First, int Last);

/// <summary>An ICMP type, and a code where one is given; any number, since the wire allows it.</summary>
internal readonly record struct FelixIcmp(int Type, int? Code);

/// <summary>A rule as Felix sends it. All fields must match; an absent or empty one matches every packet.</summary>
internal sealed class FelixRule
{
    /// <summary>"allow", "deny", "pass" or "next-tier", "log".</summary>
    public string Action { get; set; } = "";

    /// <summary>4 or 6; 0 for both.</summary>
    public int IpVersion { get; set; }

    public FelixProtocol? Protocol { get; set; }

    public FelixProtocol? NotProtocol { get; set; }

    public FelixSide Source { get; } = new();

    public FelixSide Destination { get; } = new();

    /// <summary>Destination ports. The packet's is in one of these, or a member of a set in <see cref="NamedPorts"/>.</summary>
    public List<FelixPorts> Ports { get; } = [];

    public List<FelixPorts> NotPorts { get; } = [];

    /// <summary>IDs of sets of addresses and ports for the destination: any of them.</summary>
    public List<string> NamedPorts { get; } = [];

    public List<string> NotNamedPorts { get; } = [];

    /// <summary>IDs of sets of addresses and ports for the destination, from a rule that names a Service: all of them.</summary>
    public List<string> ServicePorts { get; } = [];

    public FelixIcmp? Icmp { get; set; }

    public FelixIcmp? NotIcmp { get; set; }

    /// <summary>What the rule asks for that the data plane cannot decide; null for nothing.</summary>
    public string? Undecidable { get; set; }

    /// <summary>Part of the rule cannot be read.</summary>
    public bool IsMalformed { get; set; }
}

/// <summary>What a rule says about the source or the destination address.</summary>
internal sealed class FelixSide
{
    /// <summary>In one of these blocks.</summary>
    public List<string> Nets { get; } = [];

    /// <summary>In none of these blocks.</summary>
    public List<string> NotNets { get; } = [];

    /// <summary>A member of all of these sets.</summary>
    public List<string> Sets { get; } = [];

    /// <summary>A member of none of these sets.</summary>
    public List<string> NotSets { get; } = [];
}
