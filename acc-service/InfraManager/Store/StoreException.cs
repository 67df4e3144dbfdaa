namespace ACCOffload.InfraManager.Store;

/// <summary>What kind of failure of the store this is.</summary>
internal enum StoreFailure
{
    /// <summary>The file can't be opened or created.</summary>
    CannotOpen,

    /// <summary>Another process holds it.</summary>
    InUse,

    /// <summary>Not a database, or a damaged one.</summary>
    Corrupt,

    /// <summary>Written by a newer version.</summary>
    NewerSchema,

    /// <summary>No space left on the disk.</summary>
    Full,

    /// <summary>The disk fails, or the file system went read-only.</summary>
    Io,
}

/// <summary>The store failed. The message is one line: what, which file, what to do.</summary>
internal sealed class StoreException(StoreFailure failure, string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    public StoreFailure Failure { get; } = failure;
}
