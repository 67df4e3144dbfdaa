namespace ACCOffload.InfraManager.Store;

internal sealed partial class SqliteStore
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "checkpoint of {Path} failed: {Reason}; the log is replayed at the next start")]
    private partial void LogCheckpointFailed(string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Reason}. Restored the copy of {Path} with schema {Version}, made at {Time:u} before its update; the host's Sync brings "
            + "later changes")]
    private partial void LogRestoredCopy(string path, long version, DateTimeOffset time, string reason);
}
