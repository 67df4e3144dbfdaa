using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>
/// A rule as tests of atoms and ports, for one endpoint: what it says about the endpoint's own address is already decided.
/// </summary>
internal sealed class FlatRule
{
    public required PolicyAction Action { get; init; }

    /// <summary>The rule's number in <see cref="RuleNames"/>.</summary>
    public required uint Name { get; init; }

    public bool IsStaged { get; init; }

    public bool IsUndecidable { get; init; }

    /// <summary>Of each list, one atom holds.</summary>
    public List<Atom[]> Peer { get; } = [];

    /// <summary>None of these atoms holds.</summary>
    public List<Atom> NotPeer { get; } = [];

    /// <summary>Of each list, one test holds.</summary>
    public List<PortTest[]> PortTests { get; } = [];

    /// <summary>None of these tests holds.</summary>
    public List<PortTest> NotPortTests { get; } = [];

    /// <summary>One of these pairs holds, or one of <see cref="OrPorts"/>; null if the rule does not ask.</summary>
    public NamedTests? Named { get; init; }

    /// <summary>The numeric ports beside <see cref="Named"/>.</summary>
    public PortTest[] OrPorts { get; init; } = [];

    /// <summary>None of these pairs holds; null if the rule does not ask.</summary>
    public NamedTests? NotNamed { get; init; }
}
