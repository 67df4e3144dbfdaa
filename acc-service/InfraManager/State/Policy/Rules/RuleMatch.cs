using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>
/// Which packets a rule matches. All fields must hold; an absent or empty field holds for every packet. <see cref="Ports"/> and
/// <see cref="NamedPorts"/> are one field: the destination port is in one of either.
/// </summary>
internal sealed record RuleMatch
{
    public static RuleMatch Any { get; } = new();

    /// <summary>4 or 6; 0 for both.</summary>
    public byte IpVersion { get; init; }

    public byte? Protocol { get; init; }

    public byte? NotProtocol { get; init; }

    /// <summary>The other side: the source on ingress, the destination on egress.</summary>
    public AddressMatch Peer { get; init; } = AddressMatch.Any;

    /// <summary>The endpoint's own address.</summary>
    public AddressMatch Own { get; init; } = AddressMatch.Any;

    /// <summary>Destination ports. Packets of protocols without ports have none, whatever the range.</summary>
    public SequenceOf<PortSpan> Ports { get; init; }

    public SequenceOf<PortSpan> NotPorts { get; init; }

    /// <summary>Sets of (address, protocol, port); the packet's destination is a member of one of them.</summary>
    public SequenceOf<string> NamedPorts { get; init; }

    public SequenceOf<string> NotNamedPorts { get; init; }

    public IcmpMatch? Icmp { get; init; }

    public IcmpMatch? NotIcmp { get; init; }

    /// <summary>
    /// The rule has a condition that the data plane cannot decide, such as <c>http_match</c> or a source port. It fails closed: an allow
    /// does not match, a deny does.
    /// </summary>
    public bool IsUndecidable { get; init; }

    public IEnumerable<string> Sets => Peer.Sets.Concat(Own.Sets).Concat(NamedPorts).Concat(NotNamedPorts);
}
