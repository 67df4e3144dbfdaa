using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>ICMP or ICMPv6 messages of a type, and of a code where one is given.</summary>
internal readonly record struct IcmpMatch(byte Type, byte? Code)
{
    /// <summary>The messages as <see cref="PolicyPacket.Port"/> numbers them: type &lt;&lt; 8 | code.</summary>
    public PortSpan Span => Code is { } code
        ? new PortSpan((ushort)((Type << 8) | code), (ushort)((Type << 8) | code))
        : new PortSpan((ushort)(Type << 8), (ushort)((Type << 8) | 0xff));
}
