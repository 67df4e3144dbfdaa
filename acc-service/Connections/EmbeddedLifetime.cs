using Microsoft.Extensions.Hosting;

namespace ACCOffload.Connections;

/// <summary>
/// The lifetime of a web application inside a daemon: the daemon handles signals and stops the application in its own order.
/// </summary>
internal sealed class EmbeddedLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
