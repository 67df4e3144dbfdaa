namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A range of ports of a protocol that a rule asks for, inclusive. ICMP: type &lt;&lt; 8 | code.</summary>
internal readonly record struct PortTest(byte Protocol, ushort First, ushort Last) : IComparable<PortTest>
{
    /// <summary>The whole protocol.</summary>
    public static PortTest All(byte protocol) => new(protocol, 0, ushort.MaxValue);

    public bool Contains(byte protocol, int port) => protocol == Protocol && First <= port && port <= Last;

    public int CompareTo(PortTest other) => (Protocol, First, Last).CompareTo((other.Protocol, other.First, other.Last));
}
