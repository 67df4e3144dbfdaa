namespace ACCOffload.InfraManager.Hosting;

/// <summary>Leaves signals alone: <see cref="Signals"/> stops the service in its own order.</summary>
internal sealed class QuietLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
