using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Rules;

/// <summary>The sets that an address is in. Lists are sorted and without duplicates: use <see cref="Of"/>.</summary>
internal sealed record PeerMembership
{
    private PeerMembership(SequenceOf<string> sets, SequenceOf<NamedPort> namedPorts) => (Sets, NamedPorts) = (sets, namedPorts);

    /// <summary>In no set. An address with this membership is known to be in none, unlike an address that nothing is known about.</summary>
    public static PeerMembership None { get; } = new([], []);

    public SequenceOf<string> Sets { get; }

    public SequenceOf<NamedPort> NamedPorts { get; }

    public static PeerMembership Of(IEnumerable<string> sets, IEnumerable<NamedPort> namedPorts) => new(
        [.. sets.Distinct().Order(StringComparer.Ordinal)], [.. namedPorts.Distinct().Order()]);
}
