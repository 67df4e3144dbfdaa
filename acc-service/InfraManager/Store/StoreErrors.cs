using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>Translates SQLite errors into one line that says what to do.</summary>
internal static class StoreErrors
{
    public static StoreException Translate(string path, SqliteException e) => e.SqliteErrorCode switch
    {
        SqliteResult.Full => new(StoreFailure.Full, $"store {path}: the disk is full; free some space on its file system", e),
        SqliteResult.Busy or SqliteResult.Locked =>
            new(StoreFailure.InUse, $"store {path} is in use by another process; only one inframanager may run on it", e),
        SqliteResult.Corrupt or SqliteResult.NotADatabase => Damaged(path, e),
        SqliteResult.CannotOpen => new(
            StoreFailure.CannotOpen,
            $"store {path} can't be opened; check that its directory exists, and that this user may write to the directory and the file",
            e),
        SqliteResult.ReadOnly =>
            new(StoreFailure.Io, $"store {path} can't be written; check its permissions and that its file system is not read-only", e),
        _ => new(StoreFailure.Io, $"store {path}: {OneLine(e.Message)}; check the disk", e),
    };

    public static StoreException Damaged(string path, Exception? e = null, string detail = "") => new(
        StoreFailure.Corrupt,
        $"store {path} is damaged or is not an inframanager database{(detail.Length == 0 ? "" : $" ({detail})")}; restore a backup, or "
        + "move it away to start empty (the host's Sync fills it again)",
        e);

    public static StoreException Newer(string path, long found, long known) => new(
        StoreFailure.NewerSchema,
        $"store {path} has schema version {found}, but this inframanager supports up to {known}; install the newer inframanager again, "
        + "or move the file away to start empty");

    private static string OneLine(string text) => text.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}
