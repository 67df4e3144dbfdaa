using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Attachments;
using ACCOffload.HostStub.Claims;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Ipam;
using ACCOffload.HostStub.Logging;
using ACCOffload.HostStub.Monitoring;
using ACCOffload.HostStub.Operations;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.HostStub.Wire;
using ACCOffload.NativeInterop.Syscalls;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>The agent: creates and connects its parts, serves the plugin, and reconciles periodically.</summary>
internal sealed partial class HostAgent : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private const int RetryRounds = 6;

    private readonly CancellationTokenSource _stop = new();
    private readonly ILogger _logger;
    private readonly ClaimStore _store;
    private readonly DataPlaneNamespace _dataPlane;
    private readonly AgentServices _services;
    private readonly HostInterface _host;
    private readonly AgentConditions _conditions;
    private readonly Reconciler _reconciler;
    private readonly PendingRemovals _pending;
    private readonly CniDispatcher _dispatcher;
    private RequestServer? _server;
    private AgentMetrics? _metrics;
    private HostHealthChecks? _healthChecks;
    private Task _maintenance = Task.CompletedTask;
    private Task _removing = Task.CompletedTask;
    private Task _pendingRemovals = Task.CompletedTask;
    private long _lastRound;

    private HostAgent(
        AgentConfig config, ILoggerFactory loggers, TimeProvider time, HostHardware hardware, Action<string>? step, IpamRun? ipam)
    {
        _logger = loggers.CreateLogger(LogFeature.Host);
        _store = ClaimStore.Open(config.Store);
        var claims = new ClaimTable(_store);
        _dataPlane = new DataPlaneNamespace(config.PortNamespace);
        _services = new AgentServices
        {
            Config = config,
            Claims = claims,
            Acc = new AccLink(config.Acc, claims, time, loggers),
            Ipam = new IpamDelegate(config.IpamTimeout, loggers, ipam),
            Pools = new DevicePools(
                claims,
                DeviceKinds.Create(config.Devices, _dataPlane, hardware, loggers.CreateLogger(LogFeature.Device)),
                config.DeviceKind,
                config.DeviceLimit,
                new DeviceQuarantine(time, config.QuarantineTime)),
            Time = time,
            Loggers = loggers,
            Step = step ?? (static _ => { }),
        };
        _services.Acc.Adopt = new Adoption(_services).RunAsync;
        var remover = new Remover(_services);
        _host = new HostInterface(_services, remover);
        _conditions = new AgentConditions(_services, _store, _host);
        _reconciler = new Reconciler(_services, remover);
        _pending = new PendingRemovals(_services, new DelOperation(_services, remover), PendingDirectories(config));
        _dispatcher = new CniDispatcher(_services, remover, _reconciler, _host, _conditions, _pending);
    }

    internal AgentServices Services => _services;

    internal AgentConditions Conditions => _conditions;

    /// <summary>The address that metrics are served at; null when they are not served.</summary>
    internal System.Net.IPEndPoint? MetricsAddress => _metrics?.Address;

    /// <summary>Starts the agent. It serves plugins when this returns.</summary>
    /// <param name="config">The checked configuration.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="hardware">The host's buses; null for this machine's.</param>
    /// <param name="step">Called with each completed step of an operation, for crash tests.</param>
    /// <param name="ipam">Runs IPAM plugins; null to run them as processes.</param>
    /// <exception cref="ConfigurationException">Store, namespace or socket can't be used.</exception>
    public static async Task<HostAgent> StartAsync(
        AgentConfig config,
        ILoggerFactory loggers,
        TimeProvider time,
        HostHardware? hardware = null,
        Action<string>? step = null,
        IpamRun? ipam = null)
    {
        // Kernel calls block pool threads for short times; with the default of one thread per processor, requests would wait for each
        // other.
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, 24), completions);
        var agent = new HostAgent(config, loggers, time, hardware ?? HostHardware.OfThisMachine, step, ipam);
        try
        {
            agent._removing = await agent._reconciler.StartAsync();
            await agent._host.EnsureAsync();
            if (config.HostInterface is { Enabled: true, Services: true })
            {
                agent._healthChecks = new HostHealthChecks(agent._services);
            }

            agent._services.Acc.Start();
            agent._pending.Prepare();
            agent._metrics = AgentMetrics.Start(agent._services, agent._conditions);
            agent._server = RequestServer.Start(config.Socket, agent.HandleAsync, loggers);
            agent._pendingRemovals = Task.Run(() => agent._pending.RunAsync(agent._stop.Token));
            agent._maintenance = Task.Run(() => agent.MaintainAsync(agent._stop.Token));
            agent.LogStarted(config.Socket, agent._services.Claims.All().Count);
            return agent;
        }
        catch (Exception e)
        {
            await agent.DisposeAsync();
            throw e is LinuxException
                ? new ConfigurationException(new ConfigurationError(
                    "configuration", "Device:PortNamespace", config.PortNamespace, e.Message, "remove it, or configure another one"))
                : e;
        }
    }

    /// <summary>Whether the store's writer and the periodic reconciliation are running.</summary>
    public async Task<bool> IsAliveAsync(TimeSpan limit)
    {
        try
        {
            await _store.FlushAsync().WaitAsync(limit);
            return _services.Time.GetElapsedTime(Volatile.Read(ref _lastRound)) < Interval * 12;
        }
        catch (Exception e) when (e is TimeoutException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Stops serving and waits for running requests. Attachments stay.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync();
        }

        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        await _maintenance;
        await _removing;
        await _pendingRemovals;
        await _services.Acc.DisposeAsync();
        if (_healthChecks is not null)
        {
            await _healthChecks.DisposeAsync();
        }

        _store.Dispose();
        _dataPlane.Dispose();
        _stop.Dispose();
    }

    // A plugin whose network configuration does not name the directory stores DELs in the default one for its socket, whatever the agent's
    // configuration says.
    private static string[] PendingDirectories(AgentConfig config) =>
        [.. new[] { config.Pending, Cni.CniNetworkHeader.PendingFor(config.Socket) }.Distinct()];

    private async Task<AgentResponse> HandleAsync(AgentRequest request) => request.Kind switch
    {
        AgentRequestKind.Cni => await _dispatcher.RunAsync(request),
        AgentRequestKind.Devices => new AgentResponse(0, DevicesReport.Write(_services), default),
        _ => new AgentResponse(0, AgentStatus.Write(_services, _conditions, _host, _reconciler, (_server?.Running ?? 1) - 1), default),
    };

    private async Task MaintainAsync(CancellationToken stop)
    {
        Volatile.Write(ref _lastRound, _services.Time.GetTimestamp());
        for (var round = 1; !stop.IsCancellationRequested; round++)
        {
            try
            {
                await Task.Delay(Interval, _services.Time, stop);
                // Retry a failed store without waiting for a request: while STATUS reports the failure, none may come.
                if (_store.Problem.Length > 0)
                {
                    await _store.FlushAsync();
                }

                _conditions.Take();
                await _host.EnsureAsync();
                await _reconciler.RunAsync();
                await _services.Claims.CatchUpAsync();
                if (round % RetryRounds == 0)
                {
                    await _reconciler.RetryAsync();
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogRoundFailed(e.Message);
            }
            Volatile.Write(ref _lastRound, _services.Time.GetTimestamp());
        }
    }

    [LoggerMessage(LogLevel.Information, "Serving plugins on {Socket}, {Claims} claims")]
    private partial void LogStarted(string socket, int claims);

    [LoggerMessage(LogLevel.Error, "The periodic reconciliation failed: {Reason}")]
    private partial void LogRoundFailed(string reason);
}
