using ACCOffload.InfraManager.State.Tables;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>A prepared statement that writes one row of a table.</summary>
internal sealed class RowCommand : RowWriter, IDisposable
{
    private readonly SqliteCommand _command;
    private int _next;

    private RowCommand(SqliteConnection connection, string sql, IReadOnlyList<string> columns)
    {
        _command = connection.CreateCommand();
        _command.CommandText = sql;
        foreach (var column in columns)
        {
            _command.Parameters.Add(new SqliteParameter { ParameterName = "$" + column });
        }
    }

    /// <summary>Inserts or replaces a row. No table has a second unique key, so only the row with the same key is replaced.</summary>
    public static RowCommand Put(SqliteConnection connection, StateTable table)
    {
        string[] columns = [.. table.KeyColumns, .. table.ValueColumns];
        var values = string.Join(", ", columns.Select(c => "$" + c));
        return new RowCommand(connection, $"INSERT OR REPLACE INTO {table.Name} ({string.Join(", ", columns)}) VALUES ({values})", columns);
    }

    /// <summary>Deletes a row by its key.</summary>
    public static RowCommand Delete(SqliteConnection connection, StateTable table) => new(
        connection, $"DELETE FROM {table.Name} WHERE {string.Join(" AND ", table.KeyColumns.Select(c => $"{c} = ${c}"))}",
        table.KeyColumns);

    public override RowWriter Add(string value) => AddValue(value);

    public override RowWriter Add(long value) => AddValue(value);

    /// <summary>Sets the transaction for the following rows.</summary>
    public void Begin(SqliteTransaction transaction)
    {
        _command.Transaction = transaction;
        _next = 0;
    }

    public override void Execute()
    {
        _command.ExecuteNonQuery();
        _next = 0;
    }

    public void Dispose() => _command.Dispose();

    private RowCommand AddValue(object value)
    {
        _command.Parameters[_next++].Value = value;
        return this;
    }
}
