using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>The addresses that are alike in every atom in use.</summary>
internal sealed class PeerClass(uint number, SequenceOf<int> atoms)
{
    /// <summary>0 is the class of addresses for which no atom holds: a miss of all tables.</summary>
    public uint Number { get; } = number;

    /// <summary>The IDs of the atoms that hold, sorted.</summary>
    public SequenceOf<int> Atoms { get; set; } = atoms;

    /// <summary>The number of rows of addresses and blocks that name it.</summary>
    public int Rows { get; set; }
}
