namespace ACCOffload.P4Runtime.Entries;

/// <summary>An entry can't be built; the message names the table, the field or parameter, and the error.</summary>
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

    /// <summary>Name of the match field or parameter; null if the error does not concern a single field.</summary>
    public string? Field { get; }
}
