namespace ACCOffload.InfraManager.State.Tables;

/// <summary>Takes the columns of a row one after the other, in the table's order.</summary>
internal abstract class RowWriter
{
    public abstract RowWriter Add(string value);

    public abstract RowWriter Add(long value);

    /// <summary>Stores the signed number with the same bits: the database has no unsigned type.</summary>
    public RowWriter Add(ulong value) => Add(unchecked((long)value));

    public RowWriter Add(bool value) => Add(value ? 1L : 0L);

    /// <summary>Executes the statement for the completed row.</summary>
    public abstract void Execute();
}
