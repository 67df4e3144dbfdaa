namespace ACCOffload.InfraManager.Store;

internal sealed partial class SqliteStore
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "checkpoint of {Path} failed: {Reason}; the log is taken in at the next start")]
    private partial void LogCheckpointFailed(string path, string reason);
}
