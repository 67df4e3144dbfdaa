using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A row of the policy tables, independent of the target's P4Info.</summary>
internal abstract record PolicyRow
{
    /// <summary>Identifies the row: its table and key, without its action.</summary>
    public abstract object Key { get; }
}

/// <summary>Table <c>peers</c> or <c>peers6</c>: the class of an address.</summary>
internal sealed record PeerRow(PolicyAddress Address, uint Class) : PolicyRow
{
    public override object Key => Address;
}

/// <summary>Table <c>nets</c> or <c>nets6</c>: the class of addresses without a <see cref="PeerRow"/>, by longest prefix.</summary>
internal sealed record NetRow(PolicyNet Net, uint Class) : PolicyRow
{
    public override object Key => Net;
}

/// <summary>Table <c>ports</c>: the class of a port.</summary>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">In host byte order; ICMP: type &lt;&lt; 8 | code.</param>
/// <param name="Class">The port class.</param>
internal sealed record PortRow(byte Protocol, ushort Port, uint Class) : PolicyRow
{
    public override object Key => (Protocol, Port);
}

/// <summary>Table <c>port_ranges</c>: the class of ports without a <see cref="PortRow"/>, by longest prefix.</summary>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="First">The first port of the block, in host byte order.</param>
/// <param name="Length">The prefix length: 0 for all ports, 16 for one.</param>
/// <param name="Class">The port class.</param>
internal sealed record PortRangeRow(byte Protocol, ushort First, int Length, uint Class) : PolicyRow
{
    public override object Key => (Protocol, First, Length);
}

/// <summary>Table <c>egress_groups</c> or <c>ingress_groups</c>. On a miss, the group has the set's own number.</summary>
internal sealed record GroupRow(PolicyDirection Direction, uint Set, uint Class, uint Group) : PolicyRow
{
    public override object Key => (Direction, Set, Class);
}

/// <summary>Table <c>verdicts</c>. On a miss, the lowest bit of the group's number decides: 1 allows.</summary>
internal sealed record VerdictRow(uint Group, uint PortClass, RowVerdict Verdict) : PolicyRow
{
    public override object Key => (Group, PortClass);
}

/// <summary>
/// The binding of an endpoint: the parameter <c>egress_set</c> of <c>port_class</c>, or <c>ingress_set</c> of <c>pods</c>. Set 0 judges
/// nothing.
/// </summary>
internal sealed record BindingRow(string Endpoint, PolicyDirection Direction, uint Set) : PolicyRow
{
    public override object Key => (Endpoint, Direction);
}
