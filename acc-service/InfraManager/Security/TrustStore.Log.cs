namespace ACCOffload.InfraManager.Security;

internal sealed partial class TrustStore
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "Certificates reloaded (generation {Generation})")]
    private partial void LogReloaded(long generation);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Error, Message = "Certificates not reloaded, the previous ones stay in force: {Problem}")]
    private partial void LogNotReloaded(string problem);
}
