using Microsoft.Extensions.Hosting;

namespace ACCOffload.SoftTarget.Server;

/// <summary>The host that embeds us handles the process's signals, not the web application.</summary>
internal sealed class QuietLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
