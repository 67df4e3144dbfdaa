using System.Data.Common;

namespace ACCOffload.InfraManager.State.Tables;

/// <summary>Gives the columns of the reader's present row, one after the other, in the table's order.</summary>
internal sealed class RowReader(DbDataReader reader)
{
    private int _column;

    /// <summary>Goes on to the next row. False when there is none.</summary>
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

    /// <summary>The number with the same bits as the signed one that is stored.</summary>
    public ulong UInt64() => unchecked((ulong)Int64());

    public bool Bool() => Int64() != 0;

    /// <summary>The parts of a text that are separated by commas.</summary>
    public string[] List() => Text().Split(',', StringSplitOptions.RemoveEmptyEntries);

    /// <exception cref="FormatException">No member has the number.</exception>
    public T Enum<T>()
        where T : struct, Enum
    {
        var number = Int32();
        var value = (T)System.Enum.ToObject(typeof(T), number);
        return System.Enum.IsDefined(value) ? value : throw new FormatException($"{typeof(T).Name} {number} is unknown");
    }
}
