using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Control.Flows;

/// <summary>One end of a flow.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Port">In host byte order; for the client of an ICMP echo its identifier; 0 for none.</param>
internal readonly record struct FlowEnd(PolicyAddress Address, ushort Port) : IComparable<FlowEnd>
{
    public int CompareTo(FlowEnd other)
    {
        var byAddress = Address.CompareTo(other.Address);
        return byAddress != 0 ? byAddress : Port.CompareTo(other.Port);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address} {Port}");
}
