namespace ACCOffload.InfraManager.Hosting;

internal sealed partial class ServiceHost
{
    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "Serving node {Node} on {Address}; target: {Target}")]
    private partial void LogServing(string node, System.Net.IPEndPoint address, string target);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Information, Message = "Stopping")]
    private partial void LogStopping();

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "Stopped")]
    private partial void LogStopped();
}
