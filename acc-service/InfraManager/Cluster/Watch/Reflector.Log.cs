namespace ACCOffload.InfraManager.Cluster.Watch;

internal sealed partial class Reflector<T>
{
    [LoggerMessage(EventId = 4011, Level = LogLevel.Information, Message = "{Kind}: {Count} listed at {Version}")]
    private partial void LogListed(string kind, int count, string version);

    [LoggerMessage(EventId = 4012, Level = LogLevel.Warning, Message = "{Kind}: {Problem}; trying again, what is known stays")]
    private partial void LogFailed(string kind, string problem);

    [LoggerMessage(EventId = 4013, Level = LogLevel.Information, Message = "{Kind}: version {Version} is too old by now; listing again")]
    private partial void LogExpired(string kind, string version);

    [LoggerMessage(EventId = 4014, Level = LogLevel.Warning, Message = "{Problem}; its former version stays in force")]
    private partial void LogUnreadable(string problem);

    [LoggerMessage(EventId = 4015, Level = LogLevel.Debug, Message = "{Kind}: watch from {Version} for {Seconds} s")]
    private partial void LogWatching(string kind, string version, int seconds);

    [LoggerMessage(EventId = 4016, Level = LogLevel.Information, Message = "{Kind}: works again")]
    private partial void LogRecovered(string kind);
}
