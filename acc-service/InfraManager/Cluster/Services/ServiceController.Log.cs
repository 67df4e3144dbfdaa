using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

internal sealed partial class ServiceController
{
    [LoggerMessage(EventId = 4101, Level = LogLevel.Information, Message = "Services in step with the cluster: {Count}; {Removed} that vanished meanwhile are removed")]
    private partial void LogSynced(int count, int removed);

    [LoggerMessage(EventId = 4102, Level = LogLevel.Warning, Message = "Service {Service} is refused: {Problem}")]
    private partial void LogRefused(ServiceKey service, string problem);

    [LoggerMessage(EventId = 4103, Level = LogLevel.Warning, Message = "Services wait: {Problem}")]
    private partial void LogWaiting(string problem);

    [LoggerMessage(EventId = 4104, Level = LogLevel.Information, Message = "Services go on")]
    private partial void LogGoingOn();

    [LoggerMessage(EventId = 4105, Level = LogLevel.Warning, Message = "Service {Service}, {Subject}: {Problem}")]
    private partial void LogProblem(ServiceKey service, string subject, string problem);

    [LoggerMessage(EventId = 4106, Level = LogLevel.Debug, Message = "Service {Service} set in {Elapsed}")]
    private partial void LogSet(ServiceKey service, TimeSpan elapsed);

    [LoggerMessage(EventId = 4107, Level = LogLevel.Error, Message = "A service could not be handled")]
    private partial void LogUnexpected(Exception exception);
}
