namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The members of named-port sets that may be a packet's destination.</summary>
/// <param name="Pairs">An address for which the atom holds (any, where it is null) and a port.</param>
/// <param name="MayBeUnknown">Whether a destination that nothing is known about may be a member, with any port.</param>
internal sealed record NamedTests(IReadOnlyList<(Atom? Atom, PortTest Port)> Pairs, bool MayBeUnknown);
