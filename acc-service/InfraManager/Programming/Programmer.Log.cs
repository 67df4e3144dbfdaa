namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    [LoggerMessage(Level = LogLevel.Information, Message = "started with {Endpoints} endpoints from {Store}")]
    private partial void LogStarted(int endpoints, string store);

    [LoggerMessage(Level = LogLevel.Debug,
        Message = "batch of {Intents} requests: {Owners} owners affected, {Failed} requests failed, took {Elapsed}")]
    private partial void LogBatch(int intents, int owners, int failed, TimeSpan elapsed);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopped: all requests are answered, the store is checkpointed")]
    private partial void LogStopped();

    [LoggerMessage(Level = LogLevel.Error, Message = "unexpected error; reloading the state from the store")]
    private partial void LogUnexpected(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "the target's high-water mark of IDs is {Mark}, but the store's last ID is {Last}: the store was lost or is an older "
            + "copy; numbering continues after the mark")]
    private partial void LogBehindTarget(uint last, uint mark);

    [LoggerMessage(Level = LogLevel.Error, Message = "store failed: {Reason}")]
    private partial void LogStoreFailed(string reason);
}
