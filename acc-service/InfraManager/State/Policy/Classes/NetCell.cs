using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Policy.Classes;

/// <summary>A block that at least one atom names: its addresses outside of smaller blocks are alike.</summary>
internal sealed class NetCell
{
    /// <summary>The IDs of the atoms that name exactly this block.</summary>
    public List<int> Own { get; } = [];

    /// <summary>Sorted: the IDs of all atoms that hold in the block, those of larger blocks included.</summary>
    public SequenceOf<int> Atoms { get; set; }

    /// <summary>The class that its row names; null without a row. A single address has a row of <c>peers</c> instead.</summary>
    public PeerClass? Class { get; set; }
}
