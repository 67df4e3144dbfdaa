using Microsoft.Data.Sqlite;

namespace ACCOffload.Sqlite;

/// <summary>
/// A daemon's database: a SQLite file that only its owner can access, locked by one process, in WAL mode with every commit synced to
/// the disk.
/// </summary>
public static class PrivateDatabase
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>
    /// Creates the file and its directory unless they exist. SQLite would take the file's mode from the umask; it gives its log the mode of
    /// the file.
    /// </summary>
    /// <exception cref="IOException">It cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The permissions do not allow creating it.</exception>
    public static void Create(string path)
    {
        CreateDirectory(path);
        // An existing file is left to SQLite: closing any descriptor of a file would drop this process's locks on it. OpenOrCreate follows
        // a symbolic link whose target does not exist yet.
        if (!File.Exists(path))
        {
            new FileStream(
                path, new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, UnixCreateMode = Owner }).Dispose();
        }
    }

    /// <summary>Creates the directory of a database, for its owner only, unless it exists.</summary>
    /// <exception cref="IOException">It cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The permissions do not allow creating it.</exception>
    public static void CreateDirectory(string path)
    {
        if (Path.GetDirectoryName(path) is { Length: > 0 } directory && !Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, Owner | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Opens an existing file for this process only.</summary>
    /// <param name="path">The file.</param>
    /// <param name="busyTimeout">How long to wait for a previous process that is still closing it.</param>
    /// <exception cref="SqliteException">The file is not a database, is in use, or cannot be read or written.</exception>
    public static SqliteConnection Open(string path, TimeSpan busyTimeout)
    {
        var connection = Connect(path, SqliteOpenMode.ReadWrite, busyTimeout);
        try
        {
            connection.Execute("PRAGMA locking_mode = EXCLUSIVE");
            connection.Execute("PRAGMA trusted_schema = OFF");
            connection.Execute("PRAGMA journal_mode = WAL");
            connection.Execute("PRAGMA synchronous = FULL");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file for inspection; another process may have it open.</summary>
    /// <param name="path">The file.</param>
    /// <param name="busyTimeout">How long to wait for a lock.</param>
    /// <exception cref="SqliteException">The file is not a database, is locked, or cannot be read.</exception>
    public static SqliteConnection OpenReadOnly(string path, TimeSpan busyTimeout) => Connect(path, SqliteOpenMode.ReadOnly, busyTimeout);

    /// <summary>The first inconsistency that SQLite finds in the file; null if there is none.</summary>
    /// <exception cref="SqliteException">It cannot be read.</exception>
    public static string? FindDamage(this SqliteConnection connection) =>
        connection.Scalar("PRAGMA quick_check(1)") is var answer && answer is "ok" ? null : answer as string ?? "no answer to quick_check";

    /// <summary>Runs a statement.</summary>
    /// <exception cref="SqliteException">It failed.</exception>
    public static void Execute(this SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        command.ExecuteNonQuery();
    }

    /// <summary>The first column of a query's first row; null if there is none.</summary>
    /// <exception cref="SqliteException">It failed.</exception>
    public static object? Scalar(this SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static SqliteConnection Connect(string path, SqliteOpenMode mode, TimeSpan busyTimeout)
    {
        var builder = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = mode,
            Pooling = false,
            DefaultTimeout = (int)busyTimeout.TotalSeconds,
        };
        var connection = new SqliteConnection(builder.ConnectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
