namespace ACCOffload.InfraManager.Cluster.Connection;

internal sealed partial class ApiServerClient
{
    [LoggerMessage(EventId = 4001, Level = LogLevel.Information, Message = "API server {Server}, by {Kubeconfig}")]
    private partial void LogConfigured(Uri server, string kubeconfig);

    [LoggerMessage(EventId = 4002, Level = LogLevel.Warning, Message = "{Problem}; going on with what was read before")]
    private partial void LogNotReloaded(string problem);
}
