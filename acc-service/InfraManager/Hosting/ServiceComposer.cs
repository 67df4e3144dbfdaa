using ACCOffload.Daemon;
using ACCOffload.HealthChecks;
using ACCOffload.InfraManager.Arp;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Control;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Monitoring;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Uplink;
using ACCOffload.InfraManager.Vports;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>
/// Creates the parts of the service and starts them in order. What is created goes on the stack, so a failure leaves nothing behind.
/// </summary>
internal sealed partial class ServiceComposer
{
    private readonly Settings _settings;
    private readonly ILoggerFactory _loggers;
    private readonly TimeProvider _time;
    private readonly DisposalStack _parts;
    private readonly ILogger _logger;

    public ServiceComposer(Settings settings, ILoggerFactory loggers, TimeProvider time, DisposalStack parts)
    {
        _settings = settings;
        _loggers = loggers;
        _time = time;
        _parts = parts;
        _logger = loggers.CreateLogger(Features.Host);
    }

    // If port numbers are derived from MACs, every possible port already exists, and none is watched.
    private bool ArePortsFixed => _settings.Node.Devices.PortRule == PortRule.Mac;

    private bool TakesFelix =>
        _settings.Policy.Source is PolicySource.Felix or PolicySource.Agent && _settings.Node.Profile.JudgesPolicy;

    private bool WatchesPolicy => _settings.Policy.Source == PolicySource.Kubernetes && _settings.Node.Profile.JudgesPolicy;

    // Without one there is nothing to watch, which the condition Watch says.
    private bool KubeconfigExists => File.Exists(_settings.Kubernetes.Kubeconfig);

    public async Task<ServiceHost> StartAsync(CancellationToken cancellationToken)
    {
        var embedded = _settings.Target.Kind == TargetKind.Embedded
            ? _parts.Add(new EmbeddedTarget(Task.Run(
                () => SoftTargetProcess.StartAsync(_settings.SoftTarget, _settings.Source, _loggers, cancellationToken),
                CancellationToken.None)))
            : null;
        var artifacts = LoadPipeline();
        var store = _parts.Add(SqliteStore.Open(_settings.Store.Path, _loggers.CreateLogger(Features.Store)));

        var targetLogger = _loggers.CreateLogger(Features.Target);
        var endpoint = _settings.Target.EndpointFor(embedded is null ? _settings.Target.P4Runtime : _settings.SoftTarget.Listen);
        var session = _parts.Add(CreateSession(endpoint, targetLogger));
        var ports = _parts.Add(new GnmiClient(
            _settings.Target.EndpointFor(embedded is null ? _settings.Target.Gnmi : _settings.SoftTarget.Listen),
            _settings.Target.RpcTimeout));
        var traits = embedded is null ? _settings.Target.Traits : TargetTraits.Soft;
        var target = _parts.Add(new P4Target(session, ports, artifacts, _settings.Node, traits, _settings.Target.Ports, targetLogger));
        var programmer = _parts.Add(CreateProgrammer(store, target));
        programmer.Start();

        var portWatch = _parts.Add(new PortWatch(programmer, () => target.Connection, ports, _time));
        if (!ArePortsFixed)
        {
            programmer.AttachObstacle = () => portWatch.BlockingReason;
        }

        var tracer = _parts.Add(new TraceProxy(endpoint.Address));
        var watch = _settings.Services.Source == ServicesSource.Watch ? _parts.Add(CreateWatch(programmer)) : null;
        var felix = TakesFelix && _settings.Policy.Source == PolicySource.Felix
            ? _parts.Add(new FelixServer(_settings.Policy.FelixSocket, programmer, _time, _loggers.CreateLogger(Features.Felix)))
            : null;
        var agentFelix = TakesFelix && _settings.Policy.Source == PolicySource.Agent
            ? _parts.Add(new AgentFelix(programmer, _time, _loggers.CreateLogger(Features.Felix)))
            : null;
        var counters = _parts.Add(new RuleCounterWatch(programmer, target, _time, _loggers.CreateLogger(Features.Policy)));
        programmer.VerdictsLeaving += counters.Wake;
        var arp = _settings.ArpProxy.Interface is { } link ? _parts.Add(CreateArpProxy(link, programmer)) : null;

        var uplink = _settings.Node.Uplink?.Exception is not null ? CreateUplink(programmer, embedded is not null) : null;

        var conditions = new ConditionSource(programmer);
        var name = embedded is null ? endpoint.Address : $"soft target, embedded ({endpoint.Address})";
        var agents = new Api.AgentLog(_time, _loggers.CreateLogger(Features.Api));
        var guard = new Api.RpcGuard(
            _settings.Node.Name, new RefusalLog(_time, _loggers.CreateLogger(Features.Security)), _loggers.CreateLogger(Features.Control));
        var control = new ControlService(
            programmer, target, () => portWatch.Report, tracer, watch, arp,
            OwnVport.Of(_settings.Subfunctions, _settings.ArpProxy.Interface, _settings.Node.GatewayMac),
            _settings.Node, name, conditions, guard, agents, counters, _time);
        var api = _parts.Add(new ApiServer(_settings, programmer, control, conditions, agents, agentFelix, _loggers, _time));
        var felixStatus = FelixStatusOf(felix, agentFelix);
        AddConditions(conditions, programmer, target, portWatch, session, watch, felixStatus, uplink, api.Trust);
        await api.StartAsync(cancellationToken);
        var sources = new MetricSources(programmer, target, conditions, counters, api.Trust) { Watch = watch, Felix = felixStatus };
        if (ManagerMetrics.Start(_settings, sources, _loggers, _time) is { } metrics)
        {
            _parts.Add(metrics);
        }

        if (embedded is not null)
        {
            await embedded.WaitForStartAsync();
        }

        // The start does not wait until the target is connected and has the pipeline: READY covers only the store and the API.
        session.Start();
        watch?.Start();
        Start(felix);
        if (WatchesPolicy || TakesFelix)
        {
            counters.Start();
        }

        uplink?.Start();
        if (!ArePortsFixed)
        {
            portWatch.Start();
        }

        LogServing(_settings.Node.Name, _settings.Api.Listen, name);
        return new ServiceHost(_settings.Limits.Shutdown, _parts, programmer, watch, felix, api, _logger);
    }

    private void AddConditions(
        ConditionSource conditions, Programmer programmer, P4Target target, PortWatch portWatch, P4RuntimeSession session,
        ClusterWatch? watch, Func<FelixStatus>? felix, UplinkWatch? uplink, TrustStore trust)
    {
        conditions.Add(() => ArePortsFixed
            ? Condition.Met(ConditionNames.Ports, "the target's own (Target:PortRule is mac)")
            : PortPoolCondition.Of(target.Traits, _settings.Target.Ports) ?? portWatch.Ports);
        conditions.Add(() => HostInterfaceCondition.Of(programmer, _settings.Node, portWatch.Report));
        conditions.Add(() => UplinkCondition.Of(uplink));
        conditions.Add(() => NodeCondition.Of(programmer.Node, watch?.NodeProblem ?? "", KubeconfigExists ? watch?.GetStatus() : null));
        if (watch is not null)
        {
            var judge = new WatchCondition(_settings.Kubernetes.Kubeconfig, _time);
            conditions.Add(() => judge.Evaluate(watch.GetStatus()));
        }
        else
        {
            conditions.Add(() => Condition.Met(ConditionNames.Watch, "services are set by the agent (Services:Source)"));
        }

        conditions.Add(() => felix is not null
            ? FelixCondition.Of(programmer.Status.Policy, felix(), _settings.Policy.Source == PolicySource.Agent)
            : PolicyCondition.Of(programmer.Status.Policy, watch?.GetStatus().Policy?.Problem ?? "", _settings.Node.Profile));
        conditions.Add(() => CertificateCondition.Of(trust, session.CertificateProblem, _time.GetUtcNow()));
        conditions.AddNotice(() => NodesNotice.Of(programmer.RemoteNodes, watch?.RemoteNodesProblem ?? ""));
        conditions.AddNotice(() => PolicyNotice.Of(KubeconfigExists ? watch?.GetStatus().Policy : null));
        conditions.AddNotice(() => felix is null ? "" : FelixCondition.NoticeOf(felix()));
        conditions.AddNotice(() => PortPoolCondition.NoticeOf(programmer, _settings.Node.Devices));
        conditions.AddNotice(() => portWatch.FullTables is { Length: > 0 } full ? $"tables without room for new flows: {full}" : "");
    }

    private static Func<FelixStatus>? FelixStatusOf(FelixServer? felix, AgentFelix? agent) =>
        felix is not null ? () => felix.Status : agent is not null ? () => agent.Status : null;

    private P4RuntimeSession CreateSession(TargetEndpoint endpoint, ILogger logger) => new(
        new P4RuntimeSessionOptions
        {
            Endpoint = endpoint,
            DeviceId = _settings.Target.DeviceId,
            RpcTimeout = _settings.Target.RpcTimeout,
            MaxUpdatesPerWrite = _settings.Target.BatchSize,
            TimeProvider = _time,
        },
        logger);

    private ArpProxy CreateArpProxy(string link, Programmer programmer) =>
        new(
            link, null, _settings.Node.GatewayMac, new ArpSenders(() => programmer.Node, () => programmer.EndpointsById),
            _loggers.CreateLogger(Features.ArpProxy));

    private UplinkWatch CreateUplink(Programmer programmer, bool isEmbedded)
    {
        var logger = _loggers.CreateLogger(Features.Uplink);
        var neighbors = new NeighborController(programmer, _time, logger);
        // As root, as in a demonstration without units, it makes what inframanager prepare would have made.
        var uplink = _parts.Add(new UplinkWatch(
            _settings.Node, isEmbedded ? _settings.SoftTarget.PortNamespace : null, Environment.IsPrivilegedProcess, neighbors, _time,
            logger));
        neighbors.Wanted = uplink.SetNextHops;
        _parts.Add(neighbors).Start();
        return uplink;
    }

    private ClusterWatch CreateWatch(Programmer programmer)
    {
        var logger = _loggers.CreateLogger(Features.Kubernetes);
        // While the programmer is stuck, no backend can be reported healthy.
        HealthCheckServer? health = null;
        if (_settings.Services.HealthCheckAddress is { } address)
        {
            health = new HealthCheckServer(() => programmer.IsHealthy, logger);
            health.SetAddresses([address]);
        }

        return new ClusterWatch(
            _settings.Kubernetes, _settings.Node, programmer, health, WatchesPolicy, new ApiServerOptions(), _time, logger);
    }

    private void Start(FelixServer? felix)
    {
        try
        {
            felix?.Start();
        }
        catch (IOException e)
        {
            throw new ConfigurationException(new ConfigurationError(
                _settings.Source, "Policy:FelixSocket", _settings.Policy.FelixSocket, e.InnerException?.Message ?? e.Message,
                "name a socket in a directory that inframanager may write to"));
        }
    }

    private Programmer CreateProgrammer(SqliteStore store, P4Target target)
    {
        var options = new ProgrammerOptions
        {
            QueueIntents = _settings.Limits.QueueIntents,
            QueueBytes = _settings.Limits.QueueBytes,
            MaxUpdatesPerWrite = _settings.Target.BatchSize,
            WatchesCluster = _settings.Services.Source == ServicesSource.Watch,
            WatchesPolicy = WatchesPolicy,
            AwaitsPolicy = KubeconfigExists,
            TakesFelix = TakesFelix,
            FelixSource = _settings.Policy.Source == PolicySource.Agent ? "agent" : "felix",
        };
        if (_settings.Target is { Kind: TargetKind.External, Traits.ReadsRowCounters: false })
        {
            options = options with { CountedRows = 0 };
        }

        try
        {
            return new Programmer(_settings.Node, store, target, options, _time, _loggers);
        }
        catch (UplinkTakenException e)
        {
            throw new ConfigurationException(new ConfigurationError(
                _settings.Source, e.Key, e.Port, e.Message, "name another port, or delete that attachment's pod first"));
        }
    }

    /// <summary>The compiled pipeline; null if the target already has it.</summary>
    private PipelineArtifacts? LoadPipeline()
    {
        var pipeline = _settings.Pipeline;
        try
        {
            var artifacts = PipelineArtifacts.Of(pipeline, _settings.Node.Profile);
            // Checked before it reaches the target, which may accept no other package afterwards.
            if (artifacts is not null)
            {
                _ = _settings.Node.Profile.CreateCompiler(artifacts.Pipeline, _settings.Node);
            }

            return artifacts;
        }
        catch (Exception e) when (pipeline.Package is { } package && e is InvalidDataException or P4InfoException)
        {
            var profile = _settings.Node.Profile.Name;
            throw new ConfigurationException(new ConfigurationError(
                _settings.Source, "Pipeline:Package", package, e.Message,
                $"name the k8s_dp.pb.bin of release 24.01 for {profile}, with its p4Info.txt beside it or in Pipeline:P4Info"));
        }
        catch (InvalidDataException e)
        {
            throw new ConfigurationException(new ConfigurationError(
                _settings.Source, "Pipeline:Directory", pipeline.Directory, e.Message,
                "name the folder of the compiled pipeline, or \"\" for the one beside the executable"));
        }
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "Serving node {Node} on {Address}; target: {Target}")]
    private partial void LogServing(string node, System.Net.IPEndPoint address, string target);
}
