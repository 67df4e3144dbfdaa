namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The policies of one direction of an endpoint, as tests of atoms and ports.</summary>
/// <param name="Tiers">In order.</param>
/// <param name="IsOpen">What happens after the last tier.</param>
/// <param name="DefaultName">The number of that decision's name.</param>
internal sealed record FlatPolicy(IReadOnlyList<FlatTier> Tiers, bool IsOpen, uint DefaultName)
{
    /// <summary>Every atom that a rule asks for, each retained once.</summary>
    public Dictionary<int, Atom> Atoms { get; } = [];

    /// <summary>Every port test that a rule asks for.</summary>
    public HashSet<PortTest> PortTests { get; } = [];
}
