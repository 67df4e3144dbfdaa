using ACCOffload.Daemon;
using ACCOffload.HostStub.Configuration;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>The agent as a daemon.</summary>
internal sealed class AgentService(AgentConfig config, ILoggerFactory loggers) : IDaemon, IAsyncDisposable
{
    private static readonly TimeSpan AliveTimeout = TimeSpan.FromSeconds(5);

    private HostAgent? _agent;

    public string Status => $"Serving CNI requests on {config.Socket}";

    public async Task StartAsync(CancellationToken cancellationToken) =>
        _agent = await HostAgent.StartAsync(config, loggers, TimeProvider.System);

    public async Task StopAsync(CancellationToken cancellationToken) => await DisposeAsync();

    public async ValueTask<bool> IsAliveAsync() => _agent is { } agent && await agent.IsAliveAsync(AliveTimeout);

    public void Reload()
    {
        // Only log levels can change while the agent runs.
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _agent, null) is { } agent)
        {
            await agent.DisposeAsync();
        }
    }
}
