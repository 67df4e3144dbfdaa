using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>What a look into a database that nobody serves has shown.</summary>
/// <param name="Version">Its schema; 0 where it can't be read.</param>
/// <param name="Failure">Null where it is sound.</param>
/// <param name="Detail">One line on the failure.</param>
internal sealed record StoreProbe(long Version, StoreFailure? Failure, string Detail)
{
    /// <summary>Reads and checks the database without changing it. A database that another process holds is no damaged one.</summary>
    public static StoreProbe Look(string path)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false, DefaultTimeout = 1 }.ConnectionString);
            connection.Open();
            var version = (long)Scalar(connection, "PRAGMA user_version")!;
            return Scalar(connection, "PRAGMA quick_check(1)") is "ok" ? new StoreProbe(version, null, "") : Failed(StoreErrors.Damaged(path));
        }
        catch (SqliteException e)
        {
            return Failed(StoreErrors.Translate(path, e));
        }
    }

    private static StoreProbe Failed(StoreException e) => new(0, e.Failure, e.Message);

    private static object? Scalar(SqliteConnection connection, string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        return command.ExecuteScalar();
    }
}
