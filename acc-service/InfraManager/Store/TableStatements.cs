using ACCOffload.InfraManager.State.Tables;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>Reads and writes tables of the model over one connection.</summary>
internal sealed class TableStatements(SqliteConnection connection) : IDisposable
{
    private readonly Dictionary<string, (RowCommand Put, RowCommand Delete)> _commands = [];

    /// <summary>Loads all rows of the table.</summary>
    public void Load(StateTable table)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {string.Join(", ", table.KeyColumns.Concat(table.ValueColumns))} FROM {table.Name}"
            + (table.LoadOrder is { } order ? $" ORDER BY {order}" : "");
        using var reader = command.ExecuteReader();
        var row = new RowReader(reader);
        while (row.Next())
        {
            table.Load(row);
        }
    }

    /// <summary>Writes the unsaved rows of the table.</summary>
    public void Write(SqliteTransaction transaction, StateTable table)
    {
        if (!table.HasUnsaved)
        {
            return;
        }

        if (!_commands.TryGetValue(table.Name, out var commands))
        {
            _commands.Add(table.Name, commands = (RowCommand.Put(connection, table), RowCommand.Delete(connection, table)));
        }

        commands.Put.Begin(transaction);
        commands.Delete.Begin(transaction);
        table.WriteUnsaved(commands.Put, commands.Delete);
    }

    public void Dispose()
    {
        foreach (var (put, delete) in _commands.Values)
        {
            put.Dispose();
            delete.Dispose();
        }
    }
}
