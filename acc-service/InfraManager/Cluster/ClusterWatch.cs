using ACCOffload.HealthChecks;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Policy;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Node;

namespace ACCOffload.InfraManager.Cluster;

/// <summary>
/// Watches the cluster's services, its nodes, the service ranges and what network policy follows from, and submits them to the programmer,
/// until disposed.
/// </summary>
internal sealed class ClusterWatch : IAsyncDisposable
{
    // The node's zone only narrows the choice of backends, so services do not wait longer for it.
    private static readonly TimeSpan NodeTimeout = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stop = new();
    private readonly ApiServerClient _client;
    private readonly ServiceController _controller;
    private readonly Reflector<ServiceObject> _services;
    private readonly Reflector<SliceObject> _slices;
    private readonly Reflector<NodeObject> _node;
    private readonly Reflector<ServiceRangeObject>? _ranges;
    private readonly NodeController _nodeController;
    private readonly NodeFeed _nodes;
    private readonly RemoteNodeController? _remoteNodes;
    private readonly PolicyController? _policy;
    private readonly HealthCheckServer? _healthChecks;
    private readonly EventRecorder _events;
    private readonly TimeProvider _time;
    private Task _running = Task.CompletedTask;

    /// <param name="settings">How to reach the API server.</param>
    /// <param name="node">The node.</param>
    /// <param name="programmer">Applies the changes.</param>
    /// <param name="healthChecks">Serves load balancers' health checks; null for none. Disposed with the watch.</param>
    /// <param name="policy">Whether network policy is watched too.</param>
    /// <param name="options">Limits for requests to the API server.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives failures.</param>
    public ClusterWatch(
        KubernetesSettings settings, NodeSettings node, IProgrammer programmer, HealthCheckServer? healthChecks, bool policy,
        ApiServerOptions options, TimeProvider time, ILogger logger)
    {
        _time = time;
        _healthChecks = healthChecks;
        _client = new ApiServerClient(settings, options, time, logger);
        // With the addresses from before a restart, until the Node object is read.
        var index = new ServiceIndex(ServiceContext.Of(programmer.Node));
        _controller = new ServiceController(index, programmer, time, logger);
        if (healthChecks is not null)
        {
            _controller.Applied += (key, spec) => healthChecks.Set((key.Namespace, key.Name), spec is { HealthCheckNodePort: > 0 }
                ? new HealthCheck(key.Namespace, key.Name, spec.HealthCheckNodePort, spec.ReadyHere)
                : null);
        }

        _events = new EventRecorder(_client, node.Name, time, logger);
        _controller.Applied += new ServiceEvents(_events.Record, index.UidOf).Report;
        _services = new Reflector<ServiceObject>(ResourceKinds.Services, _client, index.Services, options, time, logger);
        _slices = new Reflector<SliceObject>(ResourceKinds.Slices, _client, index.Slices, options, time, logger);
        _nodeController = new NodeController(programmer, index, time, logger);
        _node = new Reflector<NodeObject>(ResourceKinds.Node(node.Name), _client, _nodeController.Node, options, time, logger);
        _ranges = node.VirtualRanges.Count > 0
            ? null
            : new Reflector<ServiceRangeObject>(
                ResourceKinds.ServiceRanges, _client, _nodeController.ServiceRanges, options, time, logger);
        _nodes = new NodeFeed(_client, options, time, logger);
        _remoteNodes = node.RoutesNodes ? new RemoteNodeController(node.Name, programmer, time, logger) : null;
        _policy = policy ? new PolicyController(_client, _nodes, programmer, _events.Record, options, time, logger) : null;
    }

    public ClusterWatchStatus GetStatus() =>
        new(
            _client.Server?.ToString() ?? "", [_services.Status, _slices.Status, _node.Status, .. Optional, .. _policy?.Kinds ?? []],
            _controller.GetStatus())
        {
            Policy = _policy?.GetStatus(),
        };

    /// <summary>Why this node's addresses and ranges from the cluster are not in effect; empty if they are.</summary>
    public string NodeProblem => _nodeController.Problem;

    /// <summary>Why the latest routes to other nodes are not in effect; empty if they are.</summary>
    public string RemoteNodesProblem => _remoteNodes?.Problem ?? "";

    private IEnumerable<ReflectorStatus> Optional => new[] { _ranges?.Status, _nodes.Status }.OfType<ReflectorStatus>();

    /// <summary>Starts watching and returns immediately.</summary>
    public void Start()
    {
        if (_remoteNodes is not null)
        {
            _nodes.Add(_remoteNodes);
        }

        _running = RunAsync();
    }

    private Task RunAsync() => Task.WhenAll(
        Task.Run(() => _services.RunAsync(_stop.Token)),
        Task.Run(() => _slices.RunAsync(_stop.Token)),
        Task.Run(() => _node.RunAsync(_stop.Token)),
        _ranges is { } ranges ? Task.Run(() => ranges.RunAsync(_stop.Token)) : Task.CompletedTask,
        _remoteNodes is { } remoteNodes ? Task.Run(() => remoteNodes.RunAsync(_stop.Token)) : Task.CompletedTask,
        _policy is { } policy ? Task.Run(() => policy.RunAsync(_stop.Token)) : Task.CompletedTask,
        Task.Run(() => _nodeController.RunAsync(_stop.Token)),
        Task.Run(SyncAsync),
        Task.Run(() => _controller.RunAsync(_stop.Token)),
        Task.Run(() => _events.RunAsync(_stop.Token)),
        _healthChecks is { } healthChecks ? Task.Run(() => healthChecks.RunAsync(_stop.Token)) : Task.CompletedTask);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _nodes.DisposeAsync();
        _controller.Dispose();
        _nodeController.Dispose();
        _remoteNodes?.Dispose();
        _policy?.Dispose();
        _client.Dispose();
        if (_healthChecks is not null)
        {
            await _healthChecks.DisposeAsync();
        }

        _stop.Dispose();
    }

    private async Task SyncAsync()
    {
        try
        {
            await Task.WhenAll(_services.Synced, _slices.Synced).WaitAsync(_stop.Token);
            await Task.WhenAny(_node.Synced, Task.Delay(NodeTimeout, _time, _stop.Token));
            _controller.MarkSynced();
        }
        catch (OperationCanceledException)
        {
        }
    }
}

/// <summary>The state of the cluster watch, for <c>ctl status</c>.</summary>
/// <param name="Server">The API server in use; empty before the first request.</param>
/// <param name="Kinds">One entry per watched kind.</param>
/// <param name="Services">The state of the service controller.</param>
internal sealed record ClusterWatchStatus(string Server, IReadOnlyList<ReflectorStatus> Kinds, ServiceControllerStatus Services)
{
    /// <summary>The state of the policy watch; null if policy is not watched.</summary>
    public PolicyWatchStatus? Policy { get; init; }
}
