using System.Data;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Store;

/// <summary>
/// The durable state: one SQLite database in WAL mode with full synchronization, so that a committed change survives <c>kill -9</c> and
/// power loss. Locked for this process while open. Used by one thread at a time.
/// </summary>
internal sealed partial class SqliteStore : IDisposable
{
    // Bounds the disk space that a burst of commits leaves behind.
    private const int WalLimitBytes = 4 << 20;
    private const int CheckpointPages = 512;

    private static readonly TimeSpan BusyTimeout = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private SqliteConnection? _connection;
    private TableStatements? _statements;

    private SqliteStore(string path, ILogger logger)
    {
        Path = path;
        _logger = logger;
    }

    public string Path { get; }

    /// <summary>The number of commits since the process started.</summary>
    public long Commits { get; private set; }

    /// <summary>A test hook, called in the transaction just before it commits.</summary>
    internal Action? BeforeCommit { get; set; }

    /// <summary>
    /// A test hook, called after the commit. An exception from it simulates a failure after which the disk has the changes anyway.
    /// </summary>
    internal Action? AfterCommit { get; set; }

    /// <summary>Opens the database, creates it if it does not exist, and migrates its schema.</summary>
    /// <exception cref="StoreException">The message is one line for the operator.</exception>
    public static SqliteStore Open(string path, ILogger logger)
    {
        var store = new SqliteStore(System.IO.Path.GetFullPath(path), logger);
        try
        {
            PrivateDatabase.Create(store.Path);
            store.ConnectOrRestoreCopy();
            return store;
        }
        catch (SqliteException e)
        {
            store.Dispose();
            throw StoreErrors.Translate(store.Path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            store.Dispose();
            throw new StoreException(
                StoreFailure.CannotOpen, $"store {store.Path} can't be opened: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Loads the committed state.</summary>
    /// <exception cref="StoreException">The database cannot be read, or its contents are invalid.</exception>
    public NetworkModel Load()
    {
        try
        {
            var model = new NetworkModel();
            Connected();
            foreach (var table in model.Tables)
            {
                _statements!.Load(table);
            }

            return model;
        }
        catch (SqliteException e)
        {
            throw StoreErrors.Translate(Path, e);
        }
        catch (Exception e)
            when (e is FormatException or InvalidCastException or InvalidOperationException or OverflowException or ArgumentException)
        {
            throw StoreErrors.Damaged(Path, e, e.Message.ReplaceLineEndings(" "));
        }
    }

    /// <summary>
    /// Makes all unsaved changes of the model durable in one transaction, or none. It writes even without changes, which shows whether the
    /// store is writable.
    /// </summary>
    /// <exception cref="StoreException">Nothing was saved as far as this process knows. After a disk failure the changes may still be there
    /// after a restart. The rows stay unsaved, so the next commit writes their latest values.</exception>
    public void Commit(NetworkModel model)
    {
        try
        {
            var connection = Connected();
            using var transaction = connection.BeginTransaction(IsolationLevel.Serializable, deferred: false);
            if (!model.HasUnsaved)
            {
                StoreSchema.Rewrite(connection, transaction);
            }

            foreach (var table in model.Tables)
            {
                _statements!.Write(transaction, table);
            }

            BeforeCommit?.Invoke();
            transaction.Commit();
            AfterCommit?.Invoke();
            foreach (var table in model.Tables)
            {
                table.MarkSaved();
            }

            Commits++;
        }
        catch (SqliteException e)
        {
            // After a disk failure the connection may be in any state: the next use opens a new one.
            var error = StoreErrors.Translate(Path, e);
            if (error.Failure != StoreFailure.Full)
            {
                Disconnect();
            }

            throw error;
        }
    }

    /// <summary>Moves the WAL into the database and empties it. A failure is harmless and logged.</summary>
    public void Checkpoint()
    {
        try
        {
            Connected().Execute("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        catch (Exception e) when (e is SqliteException or StoreException)
        {
            LogCheckpointFailed(Path, e.Message.ReplaceLineEndings(" "));
        }
    }

    public void Dispose() => Disconnect();

    private SqliteConnection Connected()
    {
        if (_connection is null)
        {
            Connect(check: false);
        }

        return _connection!;
    }

    private void ConnectOrRestoreCopy()
    {
        try
        {
            Connect(check: true);
        }
        catch (StoreException e) when (e.Failure == StoreFailure.NewerSchema)
        {
            if (StoreCopies.Restore(Path, StoreSchema.Version, BusyTimeout) is not { } copy)
            {
                throw;
            }

            LogRestoredCopy(Path, copy.Version, copy.Time, e.Message);
            Connect(check: true);
        }
    }

    private void Connect(bool check)
    {
        // The lock of a killed predecessor is gone; the timeout covers one that is just closing.
        var connection = PrivateDatabase.Open(Path, BusyTimeout);
        try
        {
            connection.Execute($"PRAGMA journal_size_limit = {WalLimitBytes}");
            connection.Execute($"PRAGMA wal_autocheckpoint = {CheckpointPages}");
            connection.Execute("PRAGMA temp_store = MEMORY");
            if (check && connection.FindDamage() is not null)
            {
                throw StoreErrors.Damaged(Path);
            }

            StoreSchema.Migrate(connection, Path);
            _statements = new TableStatements(connection);
            _connection = connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private void Disconnect()
    {
        _statements?.Dispose();
        _statements = null;
        _connection?.Dispose();
        _connection = null;
    }
}
