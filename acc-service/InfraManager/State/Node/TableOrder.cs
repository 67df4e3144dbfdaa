using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>
/// The order in which a pipeline's tables are filled; they are emptied in reverse. A port is classified before its guards open, and routes
/// to it come last, so that an endpoint is reachable either completely or not at all. Rows that refer to another table come after that
/// table.
/// </summary>
internal abstract class TableOrder
{
    /// <summary>The rank of a table without dependencies.</summary>
    protected const int OtherRank = 2;

    /// <summary>A table's rank. Tables with a lower rank are filled first.</summary>
    public abstract int Of(TableSchema table);

    /// <summary>The rank of inserting or modifying a row.</summary>
    public virtual int Of(EntryUpdate update) => Of(update.Entry.Table);

    /// <summary>Whether the data plane fills the table itself: it is neither written, read nor compared.</summary>
    public virtual bool IsLearned(TableSchema table) => false;

    /// <summary>Whether its rows exist only while other rows are replaced.</summary>
    public virtual bool IsHoldTable(TableSchema table) => false;

    /// <summary>Whether rows say what policy allows. They are written in the order of a policy change.</summary>
    public virtual bool IsPolicyTable(TableSchema table) => false;

    /// <summary>Whether rows contain service IDs: learned flows may refer to them as soon as the row exists.</summary>
    public virtual bool HasIds(TableSchema table) => false;

    /// <summary>
    /// Whether rows of other tables may refer to its rows by a number. A row that nobody wants, and that another controller left, is then
    /// deleted only after those rows have been changed.
    /// </summary>
    public virtual bool IsReferredTo(TableSchema table) => false;

    /// <summary>Whether rows translate to a backend's address.</summary>
    public abstract bool IsBackendTable(TableSchema table);

    /// <summary>Whether rows route packets to the port of a pod address.</summary>
    public abstract bool IsPodRoute(TableSchema table);
}
