using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;
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

    // Longer than the programmer's own timeouts, so that only a stuck programmer exceeds it.
    private static readonly TimeSpan SubmitTimeout = TimeSpan.FromMinutes(1);

    private readonly string _ownName;
    private readonly IProgrammer _programmer;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Backoff _backoff = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15));
    private readonly ChangeSignal _signal = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<string, RemoteNodeFacts> _nodes = [];
    private readonly HashSet<string> _changed = [];

    // Set by a complete list: what the model has beyond it is gone.
    private HashSet<string>? _complete;
    private volatile string _problem = "";

    /// <param name="ownName">This node's name, whose object is skipped.</param>
    /// <param name="programmer">Programs the routes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Receives failures.</param>
    public RemoteNodeController(string ownName, IProgrammer programmer, TimeProvider time, ILogger logger)
    {
        _ownName = ownName;
        _programmer = programmer;
        _time = time;
        _logger = logger;
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
    public string Problem => _problem;

    public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
    {
        lock (_lock)
        {
            var listed = objects.Where(o => o.Name.Name != _ownName).ToDictionary(o => o.Name.Name, FactsOf);
            _complete = [.. listed.Keys, .. unreadable.Select(n => n.Name)];
            foreach (var gone in _nodes.Keys.Where(n => !_complete.Contains(n)).ToList())
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
            _complete?.Add(changed.Name.Name);
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
            _complete?.Remove(name.Name);
            _nodes.Remove(name.Name);
            _changed.Add(name.Name);
        }

        _signal.Set();
    }

    /// <summary>Runs until cancelled; failures do not stop it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            var retry = Timeout.InfiniteTimeSpan;
            while (true)
            {
                await _signal.WaitAsync(retry, _time, cancellationToken);
                retry = await FlushAsync(cancellationToken) ? Timeout.InfiniteTimeSpan : _backoff.Next();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

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
            if (!await SubmitAsync(intent, cancellationToken))
            {
                PutBack(intent);
                return false;
            }
        }

        _backoff.Reset();
        if (_problem.Length > 0)
        {
            LogResumed();
        }

        _problem = "";
        return true;
    }

    /// <summary>The next changes, or null. Removals by a complete list come last, with the last of its changes.</summary>
    private RemoteNodesIntent? Take()
    {
        lock (_lock)
        {
            var names = _changed.Take(MaxBatch).ToList();
            _changed.ExceptWith(names);
            var complete = _changed.Count == 0 ? _complete : null;
            if (names.Count == 0 && complete is null)
            {
                return null;
            }

            if (complete is not null)
            {
                _complete = null;
            }

            return new RemoteNodesIntent([.. names.Select(n => (n, _nodes.GetValueOrDefault(n)))]) { Names = complete };
        }
    }

    private void PutBack(RemoteNodesIntent intent)
    {
        lock (_lock)
        {
            _changed.UnionWith(intent.Changes.Select(c => c.Name));
            if (intent.Names is { } names && _complete is null)
            {
                // Changes since then are applied again.
                _complete = [.. names, .. _nodes.Keys];
                _complete.ExceptWith(_changed.Where(n => !_nodes.ContainsKey(n)));
            }
        }
    }

    private async Task<bool> SubmitAsync(RemoteNodesIntent intent, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(SubmitTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _programmer.SubmitAsync(intent, either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            Report($"no response within {SubmitTimeout.TotalSeconds:0} s");
        }
        catch (IntentException e)
        {
            Report(e.Message);
        }

        return false;
    }

    private void Report(string problem)
    {
        if (_problem != problem)
        {
            LogFailed(problem);
        }

        _problem = problem;
    }

    [LoggerMessage(EventId = 4211, Level = LogLevel.Warning,
        Message = "The latest routes to other nodes are not in effect: {Problem}; retrying, the last ones stay in use")]
    private partial void LogFailed(string problem);

    [LoggerMessage(EventId = 4212, Level = LogLevel.Information, Message = "The latest routes to other nodes are in effect")]
    private partial void LogResumed();
}
