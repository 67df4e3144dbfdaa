namespace ACCOffload.Sqlite;

/// <summary>Primary result codes of SQLite that call for different remedies (sqlite3.h).</summary>
public static class SqliteResult
{
    /// <summary>SQLITE_BUSY: another connection or process has a lock on the file.</summary>
    public const int Busy = 5;

    /// <summary>SQLITE_LOCKED: a table is locked.</summary>
    public const int Locked = 6;

    /// <summary>SQLITE_READONLY: the file or its directory can't be written.</summary>
    public const int ReadOnly = 8;

    /// <summary>SQLITE_CORRUPT: the file is damaged.</summary>
    public const int Corrupt = 11;

    /// <summary>SQLITE_FULL: the disk is full.</summary>
    public const int Full = 13;

    /// <summary>SQLITE_CANTOPEN: the file can't be opened.</summary>
    public const int CannotOpen = 14;

    /// <summary>SQLITE_NOTADB: the file is not a database.</summary>
    public const int NotADatabase = 26;
}
