using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Felix.Messages;

/// <summary>The protocol of a rule: a number, or else a name, as the policy's author wrote it.</summary>
internal readonly record struct FelixProtocol(int? Number, string? Name)
{
    private const byte UdpLite = 136;

    private static readonly (string Name, byte Number)[] Names =
    [
        ("tcp", IpProtocol.Tcp), ("udp", IpProtocol.Udp), ("sctp", IpProtocol.Sctp), ("icmp", IpProtocol.Icmp),
        ("icmpv6", IpProtocol.Icmpv6), ("udplite", UdpLite),
    ];

    /// <summary>The IP protocol number; null if it is not known.</summary>
    public byte? ToNumber() => Number is { } number
        ? number is > 0 and <= byte.MaxValue ? (byte)number : null
        : NumberOf(Name);

    /// <summary>The IP protocol number (IANA) of a name, without case; null if it is not known.</summary>
    public static byte? NumberOf(ReadOnlySpan<char> name)
    {
        foreach (var (known, number) in Names)
        {
            if (name.Equals(known, StringComparison.OrdinalIgnoreCase))
            {
                return number;
            }
        }

        return null;
    }

    public override string ToString() => Number?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? Name ?? "";
}
