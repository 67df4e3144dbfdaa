using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Nodes;

/// <summary>
/// Submits the cluster's other nodes to the programmer: none before the first complete list, then only the latest state of those that
/// changed. A node that becomes unreadable keeps its last state. Failures are retried.
/// </summary>
internal sealed partial class RemoteNodeController : IObjectSink<NodeObject>, IDisposable
{
    /// <summary>Nodes in one intent, so that API requests do not wait for a whole cluster.</summary>
    private const int MaxBatch = 256;

    private readonly string _ownName;
    private readonly ILogger _logger;
    private readonly IntentSubmitter _submitter;
    private readonly ChangeSignal _signal = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, RemoteNodeFacts> _nodes = [];
    private readonly HashSet<string> _changed = [];
    private readonly HashSet<string> _unreadable = [];

    // Set by a complete list: what the model has beyond it is gone.
    private bool _removesOthers;

    /// <param name="ownName">This node's name, whose object is skipped.</param>
    /// <param name="programmer">Programs the routes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives failures.</param>
    public RemoteNodeController(string ownName, IProgrammer programmer, TimeProvider time, ILogger logger)
    {
        _ownName = ownName;
        _logger = logger;
        _submitter = new IntentSubmitter(
            programmer, new Backoff(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15)), time, LogFailed, LogResumed);
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _nodes.Count;
            }
        }
    }

    /// <summary>Why the latest state is not in effect; empty if it is.</summary>
    public string Problem => _submitter.Problem;

    public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
    {
        lock (_lock)
        {
            var listed = objects.Where(o => o.Name.Name != _ownName).ToDictionary(o => o.Name.Name, FactsOf);
            _unreadable.Clear();
            _unreadable.UnionWith(unreadable.Select(n => n.Name));
            _removesOthers = true;
            foreach (var gone in _nodes.Keys.Where(n => !listed.ContainsKey(n) && !_unreadable.Contains(n)).ToList())
            {
                _nodes.Remove(gone);
                _changed.Add(gone);
            }

            foreach (var (name, facts) in listed)
            {
                Set(name, facts);
            }
        }

        _signal.Set();
    }

    public void Apply(NodeObject changed)
    {
        if (changed.Name.Name == _ownName)
        {
            return;
        }

        lock (_lock)
        {
            if (!Set(changed.Name.Name, FactsOf(changed)))
            {
                return;
            }
        }

        _signal.Set();
    }

    public void Remove(ObjectName name)
    {
        lock (_lock)
        {
            _unreadable.Remove(name.Name);
            _nodes.Remove(name.Name);
            _changed.Add(name.Name);
        }

        _signal.Set();
    }

    /// <summary>Runs until cancelled; failures do not stop it.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _submitter.RunAsync(_signal, FlushAsync, cancellationToken);

    public void Dispose() => _signal.Dispose();

    private static RemoteNodeFacts FactsOf(NodeObject node) =>
        new([.. node.InternalAddresses], [.. node.PodRanges]) { TunnelAddress = node.TunnelAddress, TunnelMac = node.TunnelMac };

    /// <returns>Whether it is new or differs. Node objects change with every status report, mostly in other fields.</returns>
    private bool Set(string name, RemoteNodeFacts facts)
    {
        if (_nodes.TryGetValue(name, out var known) && known == facts)
        {
            return false;
        }

        _nodes[name] = facts;
        _changed.Add(name);
        return true;
    }

    /// <summary>Submits all changes.</summary>
    /// <returns>Whether they are in effect; otherwise they stay pending.</returns>
    private async Task<bool> FlushAsync(CancellationToken cancellationToken)
    {
        while (Take() is { } intent)
        {
            if (await _submitter.TrySubmitAsync(intent, cancellationToken) is null)
            {
                PutBack(intent);
                return false;
            }
        }

        return true;
    }

    /// <summary>The next changes, or null. Removals by a complete list come last, with the last of its changes.</summary>
    private RemoteNodesIntent? Take()
    {
        lock (_lock)
        {
            var names = _changed.Take(MaxBatch).ToList();
            _changed.ExceptWith(names);
            var isLast = _removesOthers && _changed.Count == 0;
            if (names.Count == 0 && !isLast)
            {
                return null;
            }

            _removesOthers &= !isLast;
            return new RemoteNodesIntent([.. names.Select(n => (n, _nodes.GetValueOrDefault(n)))])
            {
                Names = isLast ? _nodes.Keys.Union(_unreadable).ToHashSet() : null,
            };
        }
    }

    private void PutBack(RemoteNodesIntent intent)
    {
        lock (_lock)
        {
            _changed.UnionWith(intent.Changes.Select(c => c.Name));
            _removesOthers |= intent.Names is not null;
        }
    }

    [LoggerMessage(EventId = 4211, Level = LogLevel.Warning,
        Message = "The latest routes to other nodes are not in effect: {Problem}; retrying, the last ones stay in use")]
    private partial void LogFailed(string problem);

    [LoggerMessage(EventId = 4212, Level = LogLevel.Information, Message = "The latest routes to other nodes are in effect")]
    private partial void LogResumed();
}
