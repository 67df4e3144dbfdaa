namespace ACCOffload.P4Runtime.Entries;

/// <summary>An entry cannot be made; the message names table, field or parameter and what is wrong with it.</summary>
public sealed class EntryException : Exception
{
    /// <summary>Creates the exception.</summary>
    public EntryException(string table, string? field, string message)
        : base(field is null ? $"table {table}: {message}" : $"table {table}, {field}: {message}")
    {
        Table = table;
        Field = field;
    }

    /// <summary>Alias of the table.</summary>
    public string Table { get; }

    /// <summary>Name of the match field or parameter; null where the fault is not one field's.</summary>
    public string? Field { get; }
}
