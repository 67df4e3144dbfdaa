using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Evaluation;

/// <summary>Whether one rule matches a packet of an endpoint, field by field.</summary>
/// <param name="model">The policies and sets.</param>
/// <param name="own">The endpoint's address of the packet's family; null if it has none.</param>
/// <param name="direction">Which side of the packet the endpoint is.</param>
/// <param name="packet">The packet.</param>
internal sealed class RuleEvaluation(PolicyModel model, PolicyAddress? own, PolicyDirection direction, PolicyPacket packet)
{
    public Certainty Matches(RuleMatch match)
    {
        var result = match.IsUndecidable ? Certainty.Maybe : Certainty.Yes;
        result = And(result, Of(match.IpVersion == 0 || packet.Peer.IsIpv4 == (match.IpVersion == 4)));
        result = And(result, Of(match.Protocol is null || packet.Protocol == match.Protocol));
        result = And(result, Of(match.NotProtocol is null || packet.Protocol != match.NotProtocol));
        result = And(result, Of(match.Icmp is not { } icmp || IsIcmp(icmp)));
        result = And(result, Of(match.NotIcmp is not { } notIcmp || !IsIcmp(notIcmp)));
        result = And(result, Not(Of(IsPort(match.NotPorts))));
        result = And(result, Not(IsNamedPort(match.NotNamedPorts)));
        if (match.Ports.Count > 0 || match.NamedPorts.Count > 0)
        {
            result = And(result, Or(Of(IsPort(match.Ports)), IsNamedPort(match.NamedPorts)));
        }

        if (result == Certainty.No)
        {
            return Certainty.No;
        }

        result = And(result, Address(match.Peer, packet.Peer, Unknown(packet.Peer)));
        // The endpoint's own sets are always known.
        return match.Own == AddressMatch.Any
            ? result
            : And(result, own is { } address ? Address(match.Own, address, Certainty.No) : Certainty.No);
    }

    private static Certainty Of(bool value) => value ? Certainty.Yes : Certainty.No;

    private static Certainty And(Certainty left, Certainty right) => left < right ? left : right;

    private static Certainty Or(Certainty left, Certainty right) => left > right ? left : right;

    private static Certainty Not(Certainty value) => Certainty.Yes - (int)value;

    private bool IsIcmp(IcmpMatch match) =>
        packet.Protocol is IpProtocol.Icmp or IpProtocol.Icmpv6
        && packet.Port >> 8 == match.Type
        && (match.Code is null || (packet.Port & 0xff) == match.Code);

    private bool IsPort(SequenceOf<PortSpan> ports) => IpProtocol.HasPorts(packet.Protocol) && ports.Any(p => p.Contains(packet.Port));

    private Certainty IsNamedPort(SequenceOf<string> sets)
    {
        var destination = direction == PolicyDirection.Egress ? packet.Peer : own;
        if (sets.Count == 0 || destination is not { } address)
        {
            return Certainty.No;
        }

        var isMember = model.Peers.TryFind(address, out var group)
            && sets.Any(s => group.Membership.NamedPorts.Contains(new NamedPort(s, packet.Protocol, packet.Port)));
        return isMember ? Certainty.Yes : direction == PolicyDirection.Egress ? Unknown(address) : Certainty.No;
    }

    private Certainty Address(AddressMatch match, PolicyAddress address, Certainty unknown)
    {
        var result = Of(match.Nets.Count == 0 || match.Nets.Any(n => n.Contains(address)));
        result = And(result, Of(!match.NotNets.Any(n => n.Contains(address))));
        foreach (var set in match.AllOf)
        {
            result = And(result, IsMember(set, address, unknown));
        }

        if (match.AnyOf.Count > 0)
        {
            result = And(result, match.AnyOf.Max(s => IsMember(s, address, unknown)));
        }

        foreach (var set in match.NoneOf)
        {
            result = And(result, Not(IsMember(set, address, unknown)));
        }

        return result;
    }

    private Certainty IsMember(string set, PolicyAddress address, Certainty unknown)
    {
        var isMember = model.Sets[set].Any(n => n.Contains(address))
            || (model.Peers.TryFind(address, out var group) && group.Membership.Sets.Contains(set));
        return isMember ? Certainty.Yes : unknown;
    }

    private Certainty Unknown(PolicyAddress peer) => model.IsKnown(peer) ? Certainty.No : Certainty.Maybe;
}
