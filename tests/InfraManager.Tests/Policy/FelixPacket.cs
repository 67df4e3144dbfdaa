using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>A packet of Calico's tests.</summary>
/// <param name="Source">Its source.</param>
/// <param name="Destination">Its destination.</param>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">The destination port; for ICMP, the type in the upper byte and the code in the lower one.</param>
/// <param name="IsAllowed">Whether it must pass.</param>
internal readonly record struct FelixPacket(
    PolicyAddress Source, PolicyAddress Destination, byte Protocol, ushort Port, bool IsAllowed)
{
    /// <summary>Protocol, source, source port, destination and destination port, separated by spaces.</summary>
    public static FelixPacket Parse(string text, bool isAllowed)
    {
        var fields = text.Split(' ');
        var source = PolicyAddress.Parse(fields[1]);
        var protocol = fields[0] switch
        {
            "tcp" => IpProtocol.Tcp,
            "udp" => IpProtocol.Udp,
            "icmp" => source.IsIpv4 ? IpProtocol.Icmp : IpProtocol.Icmpv6,
            var number => byte.Parse(number, CultureInfo.InvariantCulture),
        };
        return new FelixPacket(
            source, PolicyAddress.Parse(fields[3]), protocol, ushort.Parse(fields[4], CultureInfo.InvariantCulture), isAllowed);
    }
}
