using System.Globalization;
using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.TestKit.Packets;

namespace ACCOffload.InfraManager.Tests.Policy;

/// <summary>The first packet of a flow from one pod to another, and whether it must arrive.</summary>
/// <param name="From">The pod that sends it.</param>
/// <param name="To">The pod that it is addressed to.</param>
/// <param name="Protocol">The IP protocol number.</param>
/// <param name="Port">The destination port; for ICMP, the type in the upper byte and the code in the lower one.</param>
/// <param name="Passes">Whether it must arrive.</param>
internal readonly record struct Probe(string From, string To, byte Protocol, ushort Port, bool Passes)
{
    private const int SourcePorts = 10_000;

    /// <summary>The packet, with a payload that names it.</summary>
    public Frame ToFrame(uint source, uint destination, uint number, ReadOnlySpan<byte> payload)
    {
        // From other ports than those that are asked for: the packet must not be the answer of an earlier flow.
        var sourcePort = (ushort)((Port is >= 40_000 and < 50_000 ? 50_000 : 40_000) + (number % SourcePorts));
        return Protocol switch
        {
            IpProtocol.Icmp => Frame.IcmpMessage(Port, source, destination, (ushort)number, payload),
            // Without a verification tag: an INIT.
            IpProtocol.Sctp => Frame.Build(Protocol, source, sourcePort, destination, Port, payload, sequence: 0),
            _ => Frame.Build(Protocol, source, sourcePort, destination, Port, payload),
        };
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture, $"{From} -> {To} protocol {Protocol} port {Port}, which must {(Passes ? "pass" : "not pass")}");
}
