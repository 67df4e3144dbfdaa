using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Policy;

/// <summary>
/// Watches what policy follows from, and submits it to the programmer in batches. NetworkPolicies and ClusterNetworkPolicies are always
/// watched; namespaces and the pods of all nodes only while there is a policy, and Nodes only while a policy has peers by nodes. Failures
/// are retried, and meanwhile what is known stays in effect.
/// </summary>
internal sealed partial class PolicyController : IDisposable
{
    private readonly ApiServerClient _client;
    private readonly NodeFeed _nodes;
    private readonly ApiServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PolicyState _state = new();
    private readonly PolicyEvents _events;
    private readonly ChangeSignal _signal = new();
    private readonly IntentSubmitter _submitter;
    private readonly PolicySink _clusterPolicySink;
    private readonly PolicyNodeSink _nodeSink;
    private readonly Reflector<PolicyResource> _policies;
    private readonly Reflector<PolicyResource> _clusterPolicies;
    private volatile PeerWatch? _peers;
    private volatile bool _watchesNodes;

    /// <param name="client">The API server.</param>
    /// <param name="nodes">The watch of Nodes.</param>
    /// <param name="programmer">Enforces the policies.</param>
    /// <param name="record">Records an event about a policy that cannot be enforced as written.</param>
    /// <param name="options">Limits for requests to the API server.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives failures.</param>
    public PolicyController(
        ApiServerClient client, NodeFeed nodes, IProgrammer programmer, Action<ClusterEvent> record, ApiServerOptions options,
        TimeProvider time, ILogger logger)
    {
        _client = client;
        _nodes = nodes;
        _options = options;
        _time = time;
        _logger = logger;
        _events = new PolicyEvents(record);
        _submitter = new IntentSubmitter(
            programmer, new Backoff(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15)), time, LogFailed, LogResumed);
        _policies = Watch(PolicyResourceKinds.NetworkPolicies, Sink(PolicyObjectKind.NetworkPolicy));
        _clusterPolicySink = Sink(PolicyObjectKind.ClusterNetworkPolicy);
        _clusterPolicies = Watch(PolicyResourceKinds.ClusterPolicies, _clusterPolicySink);
        _nodeSink = new PolicyNodeSink(_state, _signal.Set);
    }

    /// <summary>Why the latest state is not in effect; empty if it is.</summary>
    public string Problem => _submitter.Problem is { Length: > 0 } problem ? problem
        : _state is { IsSynced: true, WaitsForNodes: false } ? ""
        : Kinds.Append<ReflectorStatus?>(NodesNeeded).FirstOrDefault(k => k is { Synced: false }) is { } missing
            ? $"{missing.Kind} objects not listed yet{(missing.LastError.Length == 0 ? "" : $": {missing.LastError}")}"
        : "not submitted yet";

    /// <summary>One entry per kind that is watched now, without Nodes.</summary>
    public IReadOnlyList<ReflectorStatus> Kinds =>
        [_policies.Status, _clusterPolicies.Status, .. _peers is { } peers ? peers.Kinds : []];

    private ReflectorStatus? NodesNeeded => _watchesNodes ? _nodes.Status : null;

    public PolicyWatchStatus GetStatus() => _state.GetStatus(Problem);

    /// <summary>Runs until cancelled; failures do not stop it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(
                Task.Run(() => _policies.RunAsync(cancellationToken), CancellationToken.None),
                Task.Run(() => _clusterPolicies.RunAsync(cancellationToken), CancellationToken.None),
                Task.Run(() => NoteAbsenceAsync(cancellationToken), CancellationToken.None),
                _submitter.RunAsync(_signal, FlushAsync, cancellationToken));
        }
        finally
        {
            await StopPeersAsync();
            await StopNodesAsync();
        }
    }

    public void Dispose() => _signal.Dispose();

    private PolicySink Sink(PolicyObjectKind kind) => new(_state, kind, OnChange);

    private Reflector<PolicyResource> Watch(ResourceKind<PolicyResource> kind, PolicySink sink) =>
        new(kind, _client, sink, _options, _time, _logger);

    private void OnChange(IReadOnlyList<PolicyResource> problems)
    {
        foreach (var policy in problems)
        {
            _events.Report(policy);
        }

        _signal.Set();
    }

    /// <summary>An API server that does not have the kind at the start has no objects of it.</summary>
    private async Task NoteAbsenceAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _clusterPolicies.Synced.WaitAsync(cancellationToken);
            if (_clusterPolicies.Status.Lists == 0)
            {
                _clusterPolicySink.Replace([], []);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Submits all changes, and starts or ends the watches of namespaces, pods and nodes.</summary>
    /// <returns>Whether the changes are in effect; otherwise they stay pending.</returns>
    private async Task<bool> FlushAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_state.NeedsPeers)
            {
                StartPeers(cancellationToken);
            }

            if (_state.NeedsNodes)
            {
                StartNodes();
            }
            else if (_state.CanForgetNodes)
            {
                await StopNodesAsync();
                _state.EndNodes();
            }

            while (_state.Take() is { } intent)
            {
                if (await _submitter.TrySubmitAsync(intent, cancellationToken) is null)
                {
                    _state.PutBack(intent);
                    return false;
                }

                _state.Confirm(intent);
            }

            if (!_state.CanForgetPeers)
            {
                return true;
            }

            await StopPeersAsync();
            _state.EndPeers();
        }
    }

    private void StartPeers(CancellationToken cancellationToken)
    {
        if (_peers is not null)
        {
            return;
        }

        LogPeersNeeded();
        _state.BeginPeers();
        _peers = PeerWatch.Start(
            Watch(PolicyResourceKinds.Namespaces, Sink(PolicyObjectKind.Namespace)),
            Watch(PolicyResourceKinds.Pods, Sink(PolicyObjectKind.Pod)),
            cancellationToken);
    }

    private void StartNodes()
    {
        if (!_watchesNodes)
        {
            LogNodesNeeded();
            _state.BeginNodes();
            _nodes.Add(_nodeSink);
            _watchesNodes = true;
        }
    }

    private async Task StopNodesAsync()
    {
        if (_watchesNodes)
        {
            _watchesNodes = false;
            await _nodes.RemoveAsync(_nodeSink);
        }
    }

    private async Task StopPeersAsync()
    {
        if (_peers is { } peers)
        {
            await peers.DisposeAsync();
            _peers = null;
        }
    }

    [LoggerMessage(EventId = 4221, Level = LogLevel.Warning,
        Message = "The latest policies are not in effect: {Problem}; retrying, the last ones stay in force")]
    private partial void LogFailed(string problem);

    [LoggerMessage(EventId = 4222, Level = LogLevel.Information, Message = "The latest policies are in effect")]
    private partial void LogResumed();

    [LoggerMessage(EventId = 4223, Level = LogLevel.Information,
        Message = "The cluster has a policy: watching namespaces and the pods of all nodes")]
    private partial void LogPeersNeeded();

    [LoggerMessage(EventId = 4224, Level = LogLevel.Information, Message = "A policy has peers by nodes: watching all nodes")]
    private partial void LogNodesNeeded();
}
