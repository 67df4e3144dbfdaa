namespace ACCOffload.InfraManager.State.Tables;

/// <summary>Takes the columns of one row after the other, in the table's order.</summary>
internal abstract class RowWriter
{
    public abstract RowWriter Add(string value);

    public abstract RowWriter Add(long value);

    /// <summary>The database has signed numbers only: it keeps the one with the same bits.</summary>
    public RowWriter Add(ulong value) => Add(unchecked((long)value));

    public RowWriter Add(bool value) => Add(value ? 1L : 0L);

    /// <summary>The row is complete: carries the statement out.</summary>
    public abstract void Execute();
}
