using ACCOffload.HealthChecks;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>
/// Answers load balancers' health checks at the node's addresses, as kube-proxy would, by what the ACC reports every few seconds.
/// </summary>
internal sealed class HostHealthChecks : IAsyncDisposable
{
    // A restart of the ACC's service takes a few seconds, and the pipeline forwards meanwhile.
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(20);

    private readonly AgentServices _services;
    private readonly HealthCheckServer _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    public HostHealthChecks(AgentServices services)
    {
        _services = services;
        _server = new HealthCheckServer(IsHealthy, services.Loggers.CreateLogger(LogFeature.Host));
        _running = Task.Run(() => _server.RunAsync(_stop.Token));
        services.Acc.Answered = Update;
    }

    /// <summary>Stops answering. To be called after the link to the ACC has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    private void Update()
    {
        if (_services.Acc.State.Services is { } services)
        {
            _server.Replace(services.NodeAddresses, services.HealthChecks);
        }
    }

    private bool IsHealthy()
    {
        var state = _services.Acc.State;
        return state.Healthy && state.LastAnswer is { } last && _services.Time.GetUtcNow() - last < MaxAge;
    }
}
