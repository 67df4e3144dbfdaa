using System.Data.Common;

namespace ACCOffload.InfraManager.State.Tables;

/// <summary>Reads the columns of the current row one after the other, in the table's order.</summary>
internal sealed class RowReader(DbDataReader reader)
{
    private int _column;

    /// <summary>Advances to the next row. False when there is none.</summary>
    public bool Next()
    {
        _column = 0;
        return reader.Read();
    }

    public string Text() => reader.GetString(_column++);

    public long Int64() => reader.GetInt64(_column++);

    public int Int32() => reader.GetInt32(_column++);

    /// <exception cref="OverflowException">The number is outside the type's range.</exception>
    public uint UInt32() => checked((uint)Int64());

    /// <summary>Reads an unsigned number, which is stored as the signed number with the same bits.</summary>
    public ulong UInt64() => unchecked((ulong)Int64());

    public bool Bool() => Int64() != 0;

    /// <summary>Reads a comma-separated list.</summary>
    public string[] List() => Text().Split(',', StringSplitOptions.RemoveEmptyEntries);

    /// <exception cref="FormatException">The enumeration has no member with this number.</exception>
    public T Enum<T>()
        where T : struct, Enum
    {
        var number = Int32();
        var value = (T)System.Enum.ToObject(typeof(T), number);
        return System.Enum.IsDefined(value) ? value : throw new FormatException($"{typeof(T).Name} {number} is unknown");
    }
}
