using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The order in which a pipeline's tables are filled; they are emptied in reverse. A port is classified before its guards open, and packets
/// are sent to it last, so that a packet meets an endpoint wholly or not at all. What points to rows of another table comes after that
/// table.
/// </summary>
internal abstract class TableOrder
{
    /// <summary>The rank of a table without dependencies.</summary>
    protected const int OtherRank = 2;

    /// <summary>A table's rank: tables of a lower one are filled first.</summary>
    public abstract int Of(TableSchema table);

    /// <summary>The rank of inserting or modifying a row.</summary>
    public virtual int Of(EntryUpdate update) => Of(update.Entry.Table);

    /// <summary>Whether the data plane fills the table by itself: nothing of it is written, read or compared.</summary>
    public virtual bool IsLearned(TableSchema table) => false;

    /// <summary>Whether its rows are there while others are replaced.</summary>
    public virtual bool IsHold(TableSchema table) => false;

    /// <summary>Whether rows hold ids of services: learned flows may name them as soon as such a row is there.</summary>
    public virtual bool HasIds(TableSchema table) => false;

    /// <summary>Whether rows lead to a backend's address.</summary>
    public abstract bool IsBackends(TableSchema table);

    /// <summary>Whether rows lead packets to an address's port.</summary>
    public abstract bool IsWayToPod(TableSchema table);
}
