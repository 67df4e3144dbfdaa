using ACCOffload.Daemon;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>inframanager soft-target, as a daemon.</summary>
internal sealed class StandaloneTarget(SoftTargetSettings settings, string source, ILoggerFactory loggers) : IDaemon, IAsyncDisposable
{
    private IAsyncDisposable? _target;

    public string Status => $"Serving P4Runtime on {settings.Listen}";

    public async Task StartAsync(CancellationToken cancellationToken) =>
        _target = await SoftTargetProcess.StartAsync(settings, source, loggers, cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public ValueTask<bool> IsAliveAsync() => ValueTask.FromResult(true);

    public void Reload()
    {
        // It rereads changed certificates by itself.
    }

    public ValueTask DisposeAsync() => _target?.DisposeAsync() ?? ValueTask.CompletedTask;
}
