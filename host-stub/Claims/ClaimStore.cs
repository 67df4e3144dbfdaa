using System.Globalization;
using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.HostStub.Claims;

/// <summary>
/// Stores claims durably: SQLite in WAL mode with every commit synced. One thread writes, and combines the writes that arrive during a sync
/// into the next commit.
/// </summary>
internal sealed partial class ClaimStore : IDisposable
{
    private const int SchemaVersion = 5;
    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(5);

    private readonly SqliteConnection _connection;
    private readonly FileStream _lock;

    private ClaimStore(SqliteConnection connection, FileStream singleInstance)
    {
        _connection = connection;
        _lock = singleInstance;
        _writer = new Thread(WriteLoop) { IsBackground = true, Name = "claims" };
    }

    private const string PermissionRemedy = "let the agent's user write there, or set Agent:Store";
    private const string RepairRemedy = "repair it, or move it away and restart every pod of this node";

    /// <summary>
    /// False while the database is new, and the agent has not yet determined which of the ACC's attachments are on this host: the previous
    /// database may be lost.
    /// </summary>
    public bool IsComplete { get; private set; }

    public string Path { get; private init; } = "";

    /// <summary>Opens or creates the database.</summary>
    /// <exception cref="ConfigurationException">The file can't be used; the message says why and what to do.</exception>
    public static ClaimStore Open(string path)
    {
        FileStream? singleInstance = null;
        SqliteConnection? connection = null;
        try
        {
            PrivateDatabase.CreateDirectory(path);
            singleInstance = LockFile(path);
            PrivateDatabase.Create(path);
            connection = PrivateDatabase.Open(path, BusyTimeout);
            var store = new ClaimStore(connection, singleInstance) { Path = path };
            store.Prepare();
            store._writer.Start();
            return store;
        }
        catch (Exception e)
        {
            connection?.Dispose();
            singleInstance?.Dispose();
            if (e is SqliteException sqlite)
            {
                var isPermission = sqlite.SqliteErrorCode is SqliteResult.ReadOnly or SqliteResult.CannotOpen;
                throw Unusable(path, sqlite.Message, isPermission ? PermissionRemedy : RepairRemedy);
            }

            if (e is IOException or UnauthorizedAccessException)
            {
                throw Unusable(path, e.Message, PermissionRemedy);
            }

            throw;
        }
    }

    public IReadOnlyList<Claim> Load()
    {
        using var command = _connection.CreateCommand();
        command.CommandText = $"SELECT {ClaimRow.Columns} FROM claims";
        using var reader = command.ExecuteReader();
        var list = new List<Claim>();
        while (reader.Read())
        {
            list.Add(ClaimRow.Read(reader));
        }

        return list;
    }

    private void Prepare()
    {
        var version = Convert.ToInt32(_connection.Scalar("PRAGMA user_version"), CultureInfo.InvariantCulture);
        if (version > SchemaVersion)
        {
            throw Unusable(
                Path, $"schema {version} is newer than this release supports ({SchemaVersion})", "install the newer release again");
        }

        if (_connection.FindDamage() is { } damage)
        {
            throw Unusable(Path, $"damaged ({damage})", RepairRemedy);
        }

        using var transaction = _connection.BeginTransaction();
        if (version == 0)
        {
            Execute(ClaimRow.Schema, transaction);
        }
        else
        {
            if (version < 2)
            {
                Execute(ClaimRow.FromVersion1, transaction);
            }

            if (version < 3)
            {
                Execute(ClaimRow.FromVersion2, transaction);
            }

            if (version < 4)
            {
                Execute(ClaimRow.FromVersion3, transaction);
            }

            if (version < 5)
            {
                Execute(ClaimRow.FromVersion4, transaction);
            }
        }
        // Databases of earlier versions count as complete.
        if (version < 3)
        {
            _connection.Execute($"INSERT INTO state (name, value) VALUES ('complete', {(version == 0 ? 0 : 1)})", transaction);
        }

        if (version != SchemaVersion)
        {
            _connection.Execute($"PRAGMA user_version = {SchemaVersion}", transaction);
        }

        transaction.Commit();
        IsComplete = Convert.ToInt64(
            _connection.Scalar("SELECT value FROM state WHERE name = 'complete'"), CultureInfo.InvariantCulture) != 0;
    }

    private void Execute(string[] statements, SqliteTransaction transaction)
    {
        foreach (var statement in statements)
        {
            _connection.Execute(statement, transaction);
        }
    }

    private static ConfigurationException Unusable(string path, string reason, string remedy) =>
        new(new ConfigurationError(path, "", null, reason, remedy));

    private static FileStream LockFile(string path)
    {
        try
        {
            return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw Unusable($"{path}.lock", $"{e.Message} Another agent seems to use this store", "stop it, or set Agent:Store");
        }
    }
}
