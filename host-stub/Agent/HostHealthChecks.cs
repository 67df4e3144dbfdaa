using ACCOffload.HealthChecks;
using ACCOffload.HostStub.Acc;
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
    private HostServices? _latest;

    public HostHealthChecks(AgentServices services)
    {
        _services = services;
        _server = new HealthCheckServer(IsHealthy, services.Loggers.CreateLogger(LogFeature.Host));
        _running = Task.Run(() => _server.RunAsync(_stop.Token));
        services.Acc.Answered = Update;
    }

    public async ValueTask DisposeAsync()
    {
        _services.Acc.Answered = static _ => { };
        await _stop.CancelAsync();
        await _running;
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    private void Update(HostServices? services)
    {
        if (services is null || (_latest is { } latest && latest.NodeAddresses.SequenceEqual(services.NodeAddresses)
            && latest.HealthChecks.SequenceEqual(services.HealthChecks)))
        {
            return;
        }

        _latest = services;
        _server.Replace(services.NodeAddresses, services.HealthChecks);
    }

    private bool IsHealthy()
    {
        var state = _services.Acc.State;
        return state.Healthy && state.LastAnswer is { } last && _services.Time.GetUtcNow() - last < MaxAge;
    }
}
