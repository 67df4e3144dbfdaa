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
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>The agent, put together: store, device kind, channel to the ACC, recovery, socket, and what is looked after from time to time.</summary>
internal sealed partial class HostAgent : IAsyncDisposable
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);
    private const int RetryEvery = 6;

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
    private Task _maintenance = Task.CompletedTask;
    private Task _removing = Task.CompletedTask;
    private Task _catchingUp = Task.CompletedTask;
    private long _lastLook;

    private HostAgent(AgentConfig config, ILoggerFactory loggers, TimeProvider time, HostHardware hardware, Action<string>? step, IpamRun? ipam)
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
                DeviceKinds.Create(config.Devices, _dataPlane, hardware),
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
        _dispatcher = new CniDispatcher(_services, remover, _reconciler, _conditions, _pending);
    }

    internal AgentServices Services => _services;

    internal AgentConditions Conditions => _conditions;

    /// <summary>The address that metrics are served at; null where they are not served.</summary>
    internal System.Net.IPEndPoint? MetricsAddress => _metrics?.Address;

    /// <summary>Starts everything; when it returns, plugins are served.</summary>
    /// <param name="config">The checked configuration.</param>
    /// <param name="loggers">Where to log to.</param>
    /// <param name="time">The clock.</param>
    /// <param name="hardware">The host's buses; null: this machine's.</param>
    /// <param name="step">Told of each completed step of an operation; for crash tests.</param>
    /// <param name="ipam">Runs IPAM plugins; null: as processes.</param>
    /// <exception cref="ConfigurationException">Store, namespace or socket can't be used.</exception>
    public static async Task<HostAgent> StartAsync(AgentConfig config, ILoggerFactory loggers, TimeProvider time, HostHardware? hardware = null, Action<string>? step = null, IpamRun? ipam = null)
    {
        // Kernel calls block pool threads for moments; the default of one a processor would make requests wait for each other.
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, 24), completions);
        var agent = new HostAgent(config, loggers, time, hardware ?? HostHardware.OfThisMachine, step, ipam);
        try
        {
            agent._removing = await agent._reconciler.StartAsync();
            await agent._host.EnsureAsync();
            agent._services.Acc.Start();
            agent._pending.Prepare();
            agent._metrics = AgentMetrics.Start(agent._services, agent._conditions);
            agent._server = RequestServer.Start(config.Socket, agent.HandleAsync, loggers);
            agent._catchingUp = Task.Run(() => agent._pending.RunAsync(agent._stop.Token));
            agent._maintenance = Task.Run(() => agent.MaintainAsync(agent._stop.Token));
            agent.LogStarted(config.Socket, agent._services.Claims.All().Count);
            return agent;
        }
        catch (Exception e)
        {
            await agent.DisposeAsync();
            throw e is ACCOffload.NativeInterop.Syscalls.LinuxException ? new ConfigurationException(new ConfigurationError("configuration", "Device:PortNamespace", config.PortNamespace, e.Message, "remove what is there, or name another one")) : e;
        }
    }

    /// <summary>Alive means: requests are accepted, claims can be written, the periodic look goes on.</summary>
    public async Task<bool> IsAliveAsync(TimeSpan limit)
    {
        try
        {
            await _store.FlushAsync().WaitAsync(limit);
            return _services.Time.GetElapsedTime(Volatile.Read(ref _lastLook)) < LookEvery * 12;
        }
        catch (Exception e) when (e is TimeoutException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Stops serving, lets running requests end; attachments stay.</summary>
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
        await _catchingUp;
        await _services.Acc.DisposeAsync();
        _store.Dispose();
        _dataPlane.Dispose();
        _stop.Dispose();
    }

    // A plugin whose network doesn't name the directory keeps its DEL beside the socket, whatever the agent's configuration says.
    private static string[] PendingDirectories(AgentConfig config) => [.. new[] { config.Pending, Cni.CniNetworkHeader.PendingFor(config.Socket) }.Distinct()];

    private async Task<AgentResponse> HandleAsync(AgentRequest request) => request.Kind switch
    {
        AgentRequestKind.Cni => await _dispatcher.RunAsync(request),
        AgentRequestKind.Devices => new AgentResponse(0, DevicesReport.Write(_services), default),
        _ => new AgentResponse(0, AgentStatus.Write(_services, _conditions, _host, _reconciler, (_server?.Running ?? 1) - 1), default),
    };

    private async Task MaintainAsync(CancellationToken stop)
    {
        Volatile.Write(ref _lastLook, _services.Time.GetTimestamp());
        for (var round = 1; !stop.IsCancellationRequested; round++)
        {
            try
            {
                await Task.Delay(LookEvery, _services.Time, stop);
                // A store that failed is tried without a request too: while STATUS says so, none may come.
                if (_store.Problem.Length > 0)
                {
                    await _store.FlushAsync();
                }

                _conditions.Take();
                await _host.EnsureAsync();
                await _reconciler.RunAsync();
                await _services.Claims.CatchUpAsync();
                if (round % RetryEvery == 0)
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
                LogLookFailed(e.Message);
            }
            Volatile.Write(ref _lastLook, _services.Time.GetTimestamp());
        }
    }

    [LoggerMessage(LogLevel.Information, "Serving plugins on {Socket}, {Claims} claims")]
    private partial void LogStarted(string socket, int claims);

    [LoggerMessage(LogLevel.Error, "The periodic look at the devices failed: {Reason}")]
    private partial void LogLookFailed(string reason);
}
