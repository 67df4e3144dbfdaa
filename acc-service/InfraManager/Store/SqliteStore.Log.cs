namespace ACCOffload.InfraManager.Store;

internal sealed partial class SqliteStore
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "checkpoint of {Path} failed: {Reason}; the log is taken in at the next start")]
    private partial void LogCheckpointFailed(string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Reason}. Going on from the copy of {Path} with schema {Version}, made at {Time:u} before its update; what changed "
            + "since comes with the host's Sync")]
    private partial void LogWentBack(string path, long version, DateTimeOffset time, string reason);
}
