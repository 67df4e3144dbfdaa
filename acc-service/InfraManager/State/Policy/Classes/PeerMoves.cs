namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>What follows from a change of atoms, members or blocks.</summary>
internal sealed class PeerMoves
{
    /// <summary>New classes; each set needs rows for them before an address points to them.</summary>
    public List<PeerClass> Created { get; } = [];

    /// <summary>The addresses' and blocks' own rows.</summary>
    public List<RowChange> Points { get; } = [];

    /// <summary>Classes without addresses, whose rows can go when the points are written.</summary>
    public List<PeerClass> Dead { get; } = [];
}
