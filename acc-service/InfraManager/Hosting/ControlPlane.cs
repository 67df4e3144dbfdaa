using ACCOffload.Daemon;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Store;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>inframanager run, as a daemon.</summary>
internal sealed class ControlPlane(Settings settings, ILoggerFactory loggers) : IDaemon, IAsyncDisposable
{
    private ServiceHost? _host;

    public string Status => $"Serving node {settings.Node.Name} on {settings.Api.Listen}";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            _host = await ServiceHost.StartAsync(settings, loggers, TimeProvider.System, cancellationToken);
        }
        catch (StoreException e)
        {
            throw new StartException(e.Message, e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => _host?.StopAsync() ?? Task.CompletedTask;

    public ValueTask<bool> IsAliveAsync() => ValueTask.FromResult(_host?.IsHealthy ?? false);

    public void Reload() => _host?.ReloadCertificates();

    public ValueTask DisposeAsync() => _host?.DisposeAsync() ?? ValueTask.CompletedTask;
}
