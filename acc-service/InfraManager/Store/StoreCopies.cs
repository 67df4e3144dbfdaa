using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>
/// Copies of the database from before schema migrations. When the boot loader rolls back an update, the older version cannot read the
/// migrated database. It continues with the copy, and the host's Sync brings later changes.
/// </summary>
internal static class StoreCopies
{
    /// <summary>The path of the copy with this schema version.</summary>
    public static string PathOf(string path, long version) => $"{path}.schema-{version}";

    /// <summary>Creates the copy atomically.</summary>
    public static void Keep(SqliteConnection connection, string path, long version)
    {
        var copy = PathOf(path, version);
        var fresh = copy + ".new";
        File.Delete(fresh);
        PrivateDatabase.Create(fresh);
        using (var command = connection.CreateCommand())
        {
            command.CommandText = "VACUUM INTO $copy";
            command.Parameters.AddWithValue("$copy", fresh);
            command.ExecuteNonQuery();
        }
        using (var handle = File.OpenHandle(fresh, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(handle);
        }

        File.Move(fresh, copy, overwrite: true);
    }

    /// <summary>Replaces the database with the newest copy that this version can read; the newer database is kept beside it.</summary>
    /// <returns>The copy's schema version and time; null if there is no copy, and nothing was changed.</returns>
    public static (long Version, DateTimeOffset Time)? Restore(string path, int known)
    {
        for (long version = known; version > 0; version--)
        {
            var copy = PathOf(path, version);
            if (!File.Exists(copy))
            {
                continue;
            }

            var time = File.GetLastWriteTimeUtc(copy);
            foreach (var suffix in new[] { "-wal", "-shm" })
            {
                File.Delete($"{path}.newer{suffix}");
                if (File.Exists(path + suffix))
                {
                    File.Move(path + suffix, $"{path}.newer{suffix}");
                }
            }
            File.Move(path, $"{path}.newer", overwrite: true);
            File.Move(copy, path);
            return (version, time);
        }
        return null;
    }
}
