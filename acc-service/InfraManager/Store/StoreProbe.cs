using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>The result of inspecting a database that no inframanager uses.</summary>
/// <param name="Version">The schema version; 0 if the check failed.</param>
/// <param name="Failure">Null if the database is sound.</param>
/// <param name="Detail">One line about the failure.</param>
internal sealed record StoreProbe(long Version, StoreFailure? Failure, string Detail)
{
    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Checks the database without changing it. A database that another process has locked is not reported as damaged.</summary>
    public static StoreProbe Look(string path)
    {
        try
        {
            using var connection = PrivateDatabase.OpenReadOnly(path, BusyTimeout);
            var version = (long)connection.Scalar("PRAGMA user_version")!;
            return connection.FindDamage() is null ? new StoreProbe(version, null, "") : Failed(StoreErrors.Damaged(path));
        }
        catch (SqliteException e)
        {
            return Failed(StoreErrors.Translate(path, e));
        }
    }

    private static StoreProbe Failed(StoreException e) => new(0, e.Failure, e.Message);
}
