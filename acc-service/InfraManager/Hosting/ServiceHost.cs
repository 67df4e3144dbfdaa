using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Monitoring;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Systemd;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Vports;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>Puts the service together: the embedded target, the core, the API; and takes it apart in the other order.</summary>
internal sealed partial class ServiceHost : IAsyncDisposable
{
    private readonly Settings _settings;
    private readonly ILogger _logger;
    private readonly SystemdService _systemd;
    private Task<IAsyncDisposable>? _softTarget;
    private SqliteStore? _store;
    private P4RuntimeSession? _session;
    private GnmiClient? _ports;
    private P4Target? _target;
    private Programmer? _programmer;
    private TraceProxy? _tracer;
    private ClusterWatch? _watch;
    private ApiServer? _api;
    private ArpProxy? _arp;
    private PortWatch? _portWatch;
    private ManagerMetrics? _metrics;

    private ServiceHost(Settings settings, ILoggerFactory loggers)
    {
        _settings = settings;
        _logger = loggers.CreateLogger(Features.Host);
        _systemd = new SystemdService(_logger);
    }

    /// <summary>Where the mutual TLS API and the health port are served.</summary>
    public IEnumerable<string> Addresses => _api!.Addresses;

    /// <summary>Returns when the store is open and the API is served; the target may be away.</summary>
    /// <exception cref="ConfigurationException">Something that the configuration names can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened or read.</exception>
    public static async Task<ServiceHost> StartAsync(Settings settings, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var host = new ServiceHost(settings, loggers);
        try
        {
            await host.ComposeAsync(loggers, time, cancellationToken);
            return host;
        }
        catch (CertificateFileException e)
        {
            await host.DisposeAsync();
            throw new ConfigurationException(new ConfigurationError(e.File, e.Key, null, e.Reason, e.Remedy));
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Reads the certificates again.</summary>
    public void ReloadCertificates() => _api!.ReloadCertificates();

    /// <summary>Accepts nothing more, works off what is queued, within the configured limit.</summary>
    public async Task StopAsync()
    {
        LogStopping();
        _systemd.Stopping();
        // What runs may need the programmer to end, so both have the same limit and the API closes first.
        using var limit = new CancellationTokenSource(_settings.Limits.Shutdown);
        var closing = _api!.StopAsync(limit.Token);
        // What it has handed over is worked off with the rest; what the cluster says from now on is for the next life.
        await StopWatchAsync();
        await _programmer!.StopAsync(_settings.Limits.Shutdown);
        // Every request is answered. What is open now is a stream that ends with its client only, such as a health Watch.
        limit.CancelAfter(TimeSpan.FromSeconds(1));
        await closing;
        LogStopped();
    }

    public async ValueTask DisposeAsync()
    {
        _systemd.Dispose();
        _arp?.Dispose();
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync();
        }

        await StopWatchAsync();
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        _tracer?.Dispose();
        if (_portWatch is not null)
        {
            await _portWatch.DisposeAsync();
        }

        if (_programmer is not null)
        {
            await _programmer.DisposeAsync();
        }

        _target?.Dispose();
        if (_ports is not null)
        {
            await _ports.DisposeAsync();
        }

        if (_session is not null)
        {
            await _session.DisposeAsync();
        }

        _store?.Dispose();
        if (_softTarget is { } softTarget)
        {
            // One that could not start has told its reason where it was waited for.
            await ((Task)softTarget).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (softTarget.IsCompletedSuccessfully)
            {
                await softTarget.Result.DisposeAsync();
            }
        }
    }

    private async Task ComposeAsync(ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var embedded = _settings.Target.Kind == TargetKind.Embedded;
        // The soft target, which has a server of its own to set up, starts beside the store and the API.
        if (embedded)
        {
            _softTarget = Task.Run(() => SoftTargetProcess.StartAsync(_settings.SoftTarget, _settings.Source, loggers, cancellationToken), CancellationToken.None);
        }

        var artifacts = LoadPipeline();
        _store = SqliteStore.Open(_settings.Store.Path, loggers.CreateLogger(Features.Store));

        var targetLogger = loggers.CreateLogger(Features.Target);
        var endpoint = _settings.Target.EndpointFor(embedded ? _settings.SoftTarget.Listen : _settings.Target.P4Runtime);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                DeviceId = _settings.Target.DeviceId,
                RpcTimeout = _settings.Target.RpcTimeout,
                MaxUpdatesPerWrite = _settings.Target.BatchSize,
                TimeProvider = time,
            },
            targetLogger);
        _ports = new GnmiClient(_settings.Target.EndpointFor(embedded ? _settings.SoftTarget.Listen : _settings.Target.Gnmi), _settings.Target.RpcTimeout);
        _target = new P4Target(_session, _ports, artifacts, _settings.Node, embedded ? TargetTraits.Soft : _settings.Target.Traits, _settings.Target.Ports, targetLogger);
        _programmer = CreateProgrammer(_store, _target, time, loggers);
        _programmer.Start();

        if (_settings.ArpProxy.Interface is { } link)
        {
            _arp = new ArpProxy(link, null, _settings.Node.GatewayMac, new ArpSenders(_settings.Node, () => _programmer.EndpointsById), loggers.CreateLogger(Features.ArpProxy));
        }

        _tracer = new TraceProxy(endpoint.Address);
        var core = new ProgrammerCore(_programmer);
        _watch = _settings.Services.Source == ServicesSource.Watch ? CreateWatch(_programmer, loggers, time) : null;
        var conditions = new ConditionSource(core);
        _portWatch = new PortWatch(core, () => _target.Connection, _ports, time);
        if (_settings.Node.Devices.PortRule != PortRule.Mac)
        {
            core.Obstacle = () => _portWatch.Obstacle;
        }

        var name = embedded ? $"soft target, embedded ({endpoint.Address})" : endpoint.Address;
        var agents = new Api.AgentLog(time, loggers.CreateLogger(Features.Api));
        var view = new TargetView(_target, _ports, () => _portWatch.Report, PipelineProfiles.NameOf(_settings.Node.Profile));
        var control = new ControlService(core, view, _tracer, _watch, _arp, OwnVport.Of(_settings), _settings.Node, name, conditions, new Api.RpcGuard(_settings.Node.Name, new RefusalLog(time, loggers.CreateLogger(Features.Security)), loggers.CreateLogger(Features.Control)), agents, time);
        _api = new ApiServer(_settings, core, control, conditions, agents, loggers, time);
        AddConditions(conditions, core, _api.Trust, time);
        await _api.StartAsync(cancellationToken);
        _metrics = ManagerMetrics.Start(_settings, core, view, conditions, _watch, _api.Trust, loggers, time);
        if (_softTarget is { } starting)
        {
            await starting;
        }
        // What it does at first, connecting and loading the pipeline, is not waited for: READY is about the store and the API.
        _session.Start();
        _watch?.Start();
        if (_settings.Node.Devices.PortRule != PortRule.Mac)
        {
            _portWatch.Start();
        }

        LogServing(_settings.Node.Name, _settings.Api.Listen, name);
        _systemd.Ready($"Serving node {_settings.Node.Name} on {_settings.Api.Listen}");
        _systemd.StartWatchdog(() => _programmer.IsHealthy, time);
    }

    private void AddConditions(ConditionSource conditions, ProgrammerCore core, TrustStore trust, TimeProvider time)
    {
        // Where a port's number follows from a MAC, every port that can be is there already.
        var byMac = _settings.Node.Devices.PortRule == PortRule.Mac;
        conditions.Add(() => byMac ? Condition.Met(ConditionNames.Ports, "the target's own (Target:PortRule is mac)") : PortPoolCondition.Of(_target!.Traits, _settings.Target.Ports) ?? _portWatch!.Ports);
        conditions.Add(() => HostInterfaceCondition.Of(core, _settings.Node, _portWatch!.Report));
        if (_watch is { } watch)
        {
            var judge = new WatchCondition(_settings.Kubernetes.Kubeconfig, time);
            conditions.Add(() => judge.Judge(watch.GetStatus()));
        }
        else
        {
            conditions.Add(() => Condition.Met(ConditionNames.Watch, "services are set by the agent (Services:Source)"));
        }
        conditions.Add(() => CertificateCondition.Of(trust, _session!.CertificateProblem, time.GetUtcNow()));
        conditions.AddNotice(() => PortPoolCondition.NoticeOf(core, _settings.Node.Devices));
        conditions.AddNotice(() => _portWatch!.FullTables is { Length: > 0 } full ? $"tables without room for new flows: {full}" : "");
    }

    private async Task StopWatchAsync()
    {
        if (Interlocked.Exchange(ref _watch, null) is { } watch)
        {
            await watch.DisposeAsync();
        }
    }

    private ClusterWatch CreateWatch(Programmer programmer, ILoggerFactory loggers, TimeProvider time)
    {
        var logger = loggers.CreateLogger(Features.Kubernetes);
        // While the programmer is stuck nobody here can vouch for a backend.
        var health = _settings.Services.HealthCheckAddress is { } address ? new HealthCheckServer(address, () => programmer.IsHealthy, loggers, logger) : null;
        return new ClusterWatch(_settings.Kubernetes, _settings.Node, new ProgrammerServices(programmer), health, new ReflectorOptions(), time, logger);
    }

    private Programmer CreateProgrammer(SqliteStore store, P4Target target, TimeProvider time, ILoggerFactory loggers)
    {
        var options = new ProgrammerOptions
        {
            QueueIntents = _settings.Limits.QueueIntents,
            QueueBytes = _settings.Limits.QueueBytes,
            MaxUpdatesPerWrite = _settings.Target.BatchSize,
        };
        try
        {
            return new Programmer(_settings.Node, store, target, options, time, loggers);
        }
        catch (UplinkTakenException e)
        {
            throw new ConfigurationException(new ConfigurationError(_settings.Source, "Node:Uplink:Port", _settings.Node.Uplink!.Port, e.Message, "name the port to the node network, or delete that attachment's pod before"));
        }
    }

    /// <summary>Null where the target has the pipeline itself.</summary>
    private PipelineArtifacts? LoadPipeline()
    {
        var pipeline = _settings.Pipeline;
        try
        {
            var artifacts = PipelineArtifacts.Of(pipeline, _settings.Node.Profile);
            // A package that is not the profile's must not get to the target, which may take no other one afterwards.
            if (artifacts is not null)
            {
                _ = ModelCompiler.For(artifacts.Pipeline, _settings.Node);
            }

            return artifacts;
        }
        catch (Exception e) when (pipeline.Package is { } package && e is InvalidDataException or P4InfoException)
        {
            throw new ConfigurationException(new ConfigurationError(_settings.Source, "Pipeline:Package", package, e.Message, $"name the k8s_dp.pb.bin of release 24.01 for {PipelineProfiles.NameOf(_settings.Node.Profile)}, with its p4Info.txt beside it or in Pipeline:P4Info"));
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException(new ConfigurationError(_settings.Source, "Pipeline:Directory", pipeline.Directory, e.Message, "name the folder of the compiled pipeline, or \"\" for the one beside the executable"));
        }
    }
}
