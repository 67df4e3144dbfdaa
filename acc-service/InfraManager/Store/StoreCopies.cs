using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>
/// A copy of the database as it was before its schema went forward. An update that is taken back by the boot loader leaves a database that
/// the version before can't read; it goes on from the copy, and the host's Sync brings what was changed since.
/// </summary>
internal static class StoreCopies
{
    /// <summary>Where the copy of a schema version is.</summary>
    public static string PathOf(string path, long version) => $"{path}.schema-{version}";

    /// <summary>Makes the copy, whole or not at all.</summary>
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

    /// <summary>Puts the newest copy that this version reads in the database's place; the newer database stays beside it.</summary>
    /// <returns>The copy's schema version and time; null if there is none, and nothing was changed.</returns>
    public static (long Version, DateTimeOffset Time)? GoBack(string path, int known)
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
