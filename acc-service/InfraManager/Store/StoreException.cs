namespace ACCOffload.InfraManager.Store;

/// <summary>The kind of a store failure.</summary>
internal enum StoreFailure
{
    /// <summary>The file can't be opened or created.</summary>
    CannotOpen,

    /// <summary>Another process has locked the file.</summary>
    InUse,

    /// <summary>The file is not a database, or is damaged.</summary>
    Corrupt,

    /// <summary>The schema was written by a newer version.</summary>
    NewerSchema,

    /// <summary>No space left on the disk.</summary>
    Full,

    /// <summary>The disk failed, or the file system is read-only.</summary>
    Io,
}

/// <summary>A store failure. The message is one line: what failed, which file, what to do.</summary>
internal sealed class StoreException(StoreFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public StoreFailure Failure { get; } = failure;
}
