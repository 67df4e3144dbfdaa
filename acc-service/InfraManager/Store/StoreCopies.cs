using ACCOffload.NativeInterop.Syscalls;
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
        DirectoryEntries.Flush(copy);
    }

    /// <summary>
    /// Replaces the database with the newest copy that this version can read; the newer database is kept beside it. A power cut at any
    /// moment leaves one of the two under the database's name.
    /// </summary>
    /// <returns>The copy's schema version and time; null if there is no copy, and nothing was changed.</returns>
    /// <exception cref="IOException">The files cannot be changed; the newer database stays.</exception>
    /// <exception cref="SqliteException">The newer database cannot be completed.</exception>
    public static (long Version, DateTimeOffset Time)? Restore(string path, int known, TimeSpan busyTimeout)
    {
        for (long version = known; version > 0; version--)
        {
            var copy = PathOf(path, version);
            if (!File.Exists(copy))
            {
                continue;
            }

            var time = File.GetLastWriteTimeUtc(copy);
            RemoveLog(path, busyTimeout);
            var newer = $"{path}.newer";
            foreach (var former in new[] { newer, $"{newer}-wal", $"{newer}-shm", $"{path}-shm" })
            {
                File.Delete(former);
            }

            DirectoryEntries.Link(path, newer);
            // The log must be gone for good before the copy gets the name.
            DirectoryEntries.Flush(path);
            File.Move(copy, path, overwrite: true);
            DirectoryEntries.Flush(path);
            return (version, time);
        }
        return null;
    }

    // The newer database's log would be taken for the copy's.
    private static void RemoveLog(string path, TimeSpan busyTimeout)
    {
        using (var connection = PrivateDatabase.Open(path, busyTimeout))
        {
            connection.Execute("PRAGMA journal_mode = DELETE");
        }

        if (File.Exists($"{path}-wal"))
        {
            throw new IOException($"the log of {path} cannot be moved into it");
        }
    }
}
