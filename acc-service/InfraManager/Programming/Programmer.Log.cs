namespace ACCOffload.InfraManager.Programming;

internal sealed partial class Programmer
{
    [LoggerMessage(Level = LogLevel.Information, Message = "started with {Endpoints} endpoints from {Store}")]
    private partial void LogStarted(int endpoints, string store);

    [LoggerMessage(Level = LogLevel.Debug,
        Message = "batch of {Intents} requests: {Endpoints} endpoints touched, {Failed} requests failed, {Elapsed}")]
    private partial void LogBatch(int intents, int endpoints, int failed, TimeSpan elapsed);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopped: every request is answered, the store is checkpointed")]
    private partial void LogStopped();

    [LoggerMessage(Level = LogLevel.Error, Message = "unexpected error; starting over from the store")]
    private partial void LogUnexpected(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "the target was given ids up to {Mark}, the store knows of {Last}: it was lost or is an older copy; going on after the "
            + "target's")]
    private partial void LogBehindTarget(uint last, uint mark);

    [LoggerMessage(Level = LogLevel.Error, Message = "a commit failed: {Reason}")]
    private partial void LogStoreFailed(string reason);
}
