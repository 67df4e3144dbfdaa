using ACCOffload.Sqlite;
using Microsoft.Data.Sqlite;

namespace ACCOffload.InfraManager.Tests.Store;

/// <summary>How both daemons create and open their databases.</summary>
public sealed class PrivateDatabaseTests : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(1);

    private readonly Folder _folder = new();

    private string Database => Path.Combine(_folder.At("state"), "test.db");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Only_its_owner_can_read_the_database_its_log_and_its_directory()
    {
        PrivateDatabase.Create(Database);
        using var connection = PrivateDatabase.Open(Database, Timeout);
        connection.Execute("CREATE TABLE t (x)");
        Assert.Equal(OwnerOnly | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(Database)!));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Database));
        Assert.Equal(OwnerOnly, File.GetUnixFileMode(Database + "-wal"));
    }

    [Fact]
    public void Every_commit_is_synced_and_the_database_is_locked_exclusively()
    {
        PrivateDatabase.Create(Database);
        using var connection = PrivateDatabase.Open(Database, Timeout);
        connection.Execute("CREATE TABLE t (x)");
        Assert.Equal("wal", connection.Scalar("PRAGMA journal_mode"));
        Assert.Equal(2L, connection.Scalar("PRAGMA synchronous"));
        Assert.Throws<SqliteException>(() => PrivateDatabase.Open(Database, Timeout).Scalar("SELECT count(*) FROM t"));
    }

    [Fact]
    public void Creating_it_again_keeps_the_content()
    {
        PrivateDatabase.Create(Database);
        using (var connection = PrivateDatabase.Open(Database, Timeout))
        {
            connection.Execute("CREATE TABLE t (x)");
            connection.Execute("INSERT INTO t VALUES (7)");
        }

        PrivateDatabase.Create(Database);
        using var again = PrivateDatabase.OpenReadOnly(Database, Timeout);
        Assert.Equal(7L, again.Scalar("SELECT x FROM t"));
        Assert.Null(again.FindDamage());
    }
}
