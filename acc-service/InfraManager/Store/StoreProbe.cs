using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>What a look into a database that nobody serves has shown.</summary>
/// <param name="Version">Its schema; 0 where it can't be read.</param>
/// <param name="Failure">Null where it is sound.</param>
/// <param name="Detail">One line on the failure.</param>
internal sealed record StoreProbe(long Version, StoreFailure? Failure, string Detail)
{
    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Reads and checks the database without changing it. A database that another process holds is not reported as damaged.
    /// </summary>
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
