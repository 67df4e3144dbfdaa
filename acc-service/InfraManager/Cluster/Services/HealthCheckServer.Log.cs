using System.Net;
using ACCOffload.InfraManager.State;

namespace ACCOffload.InfraManager.Cluster.Services;

internal sealed partial class HealthCheckServer
{
    [LoggerMessage(EventId = 4201, Level = LogLevel.Information, Message = "Health check of service {Service} is answered on {Address}")]
    private partial void LogServing(ServiceKey service, IPEndPoint address);

    [LoggerMessage(EventId = 4202, Level = LogLevel.Warning, Message = "Health check of service {Service} can't be answered on {Address}: {Reason}")]
    private partial void LogNotServing(ServiceKey service, IPEndPoint address, string reason);
}
