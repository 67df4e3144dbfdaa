using ACCOffload.InfraManager.State.Policy.Rules;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A port that an endpoint has by name, for flows of the IP version; 0 for both.</summary>
internal readonly record struct OwnPort(byte IpVersion, byte Protocol, ushort Port);

/// <summary>
/// What one rule says about the endpoint's own address. Endpoints with the same policies and the same facts share a set: they differ
/// where a named port is another number in each, for instance.
/// </summary>
/// <param name="IpVersions">The IP versions of flows that match: 4, 6, 0 for both, null for none.</param>
/// <param name="Named">On ingress, the endpoint's own ports in the rule's named-port sets.</param>
/// <param name="NotNamed">Those in the sets that the rule excludes.</param>
internal sealed record OwnFacts(byte? IpVersions, SequenceOf<OwnPort> Named, SequenceOf<OwnPort> NotNamed)
{
    private static readonly OwnFacts Nothing = new(0, [], []);

    /// <summary>Whether the facts of this rule depend on the endpoint.</summary>
    public static bool AreAsked(RuleMatch match, PolicyDirection direction) => match.Own != AddressMatch.Any
        || (direction == PolicyDirection.Ingress && (match.NamedPorts.Count > 0 || match.NotNamedPorts.Count > 0));

    public static OwnFacts Of(RuleMatch match, PolicyDirection direction, PolicyModel model, EndpointPolicy endpoint)
    {
        if (!AreAsked(match, direction))
        {
            return Nothing;
        }

        var matching = endpoint.Addresses.Where(a => Matches(match.Own, a, model)).ToList();
        byte? versions = matching.Count == 0 && match.Own != AddressMatch.Any ? null
            : matching.Count == endpoint.Addresses.Count ? (byte)0
            : Version(matching[0]);
        return direction == PolicyDirection.Ingress
            ? new OwnFacts(versions, Ports(match.NamedPorts, model, endpoint), Ports(match.NotNamedPorts, model, endpoint))
            : new OwnFacts(versions, [], []);
    }

    private static byte Version(PolicyAddress address) => (byte)(address.IsIpv4 ? 4 : 6);

    private static SequenceOf<OwnPort> Ports(SequenceOf<string> sets, PolicyModel model, EndpointPolicy endpoint)
    {
        var byAddress = endpoint.Addresses.ToDictionary(a => a, a => model.Peers.TryFind(a, out var group)
            ? group.Membership.NamedPorts.Where(p => sets.Contains(p.Set)).Select(p => (p.Protocol, p.Port)).ToHashSet()
            : []);
        return
        [
            .. byAddress.SelectMany(a => a.Value.Select(p =>
                new OwnPort(byAddress.Values.All(other => other.Contains(p)) ? (byte)0 : Version(a.Key), p.Protocol, p.Port)))
                .Distinct().OrderBy(p => (p.IpVersion, p.Protocol, p.Port)),
        ];
    }

    private static bool Matches(AddressMatch match, PolicyAddress address, PolicyModel model)
    {
        return (match.Nets.Count == 0 || match.Nets.Any(n => n.Contains(address)))
            && !match.NotNets.Any(n => n.Contains(address))
            && match.AllOf.All(IsMember)
            && (match.AnyOf.Count == 0 || match.AnyOf.Any(IsMember))
            && !match.NoneOf.Any(IsMember);

        bool IsMember(string set) => model.Sets[set].Any(n => n.Contains(address))
            || (model.Peers.TryFind(address, out var group) && group.Membership.Sets.Contains(set));
    }
}
