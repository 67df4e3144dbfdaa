namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>IP protocol numbers (IANA) that policy treats specially.</summary>
internal static class IpProtocol
{
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;
    public const byte Icmpv6 = 58;
    public const byte Sctp = 132;

    /// <summary>The protocols whose packets have ports.</summary>
    public static IReadOnlyList<byte> WithPorts { get; } = [Tcp, Udp, Sctp];

    /// <summary>The protocol's name, or its number.</summary>
    public static string NameOf(byte protocol) => protocol switch
    {
        Icmp => "ICMP",
        Tcp => "TCP",
        Udp => "UDP",
        Icmpv6 => "ICMPv6",
        Sctp => "SCTP",
        _ => $"protocol {protocol}",
    };

    public static bool HasPorts(byte protocol) => protocol is Tcp or Udp or Sctp;
}
