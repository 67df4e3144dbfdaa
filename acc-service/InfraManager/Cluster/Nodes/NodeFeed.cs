using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;

namespace ACCOffload.InfraManager.Cluster.Nodes;

/// <summary>
/// The watch of all Nodes: one for all who need it, which are the routes to other nodes and policies with peers by nodes. It runs while
/// there is a receiver; one that comes later is given what is known.
/// </summary>
internal sealed class NodeFeed : IObjectSink<NodeObject>, IAsyncDisposable
{
    private readonly Func<IObjectSink<NodeObject>, Reflector<NodeObject>> _watch;
    private readonly Lock _lock = new();
    private readonly List<IObjectSink<NodeObject>> _receivers = [];
    private readonly Dictionary<ObjectName, NodeObject> _nodes = [];
    private IReadOnlyCollection<ObjectName> _unreadable = [];
    private bool _isListed;
    private volatile Reflector<NodeObject>? _reflector;
    private CancellationTokenSource? _stop;
    private Task _running = Task.CompletedTask;

    public NodeFeed(ApiServerClient client, ApiServerOptions options, TimeProvider time, ILogger logger) =>
        _watch = sink => new Reflector<NodeObject>(ResourceKinds.Nodes, client, sink, options, time, logger);

    /// <summary>The state of the watch; null while nobody needs it.</summary>
    public ReflectorStatus? Status => _reflector?.Status;

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

    /// <summary>Adds a receiver, which is called with the feed's lock held. Not at the same time as <see cref="RemoveAsync"/>.</summary>
    public void Add(IObjectSink<NodeObject> receiver)
    {
        lock (_lock)
        {
            _receivers.Add(receiver);
            if (_isListed)
            {
                receiver.Replace([.. _nodes.Values], _unreadable);
            }
        }

        if (_stop is null)
        {
            _stop = new CancellationTokenSource();
            var (reflector, stopped) = (_watch(this), _stop.Token);
            _reflector = reflector;
            _running = Task.Run(() => reflector.RunAsync(stopped), CancellationToken.None);
        }
    }

    /// <summary>Removes a receiver, which is not called any more afterwards. The last one ends the watch.</summary>
    public async Task RemoveAsync(IObjectSink<NodeObject> receiver)
    {
        lock (_lock)
        {
            _receivers.Remove(receiver);
            if (_receivers.Count > 0)
            {
                return;
            }
        }

        await StopAsync();
    }

    public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
    {
        lock (_lock)
        {
            var kept = objects.Select(o => o.Name).Concat(unreadable).ToHashSet();
            foreach (var gone in _nodes.Keys.Where(n => !kept.Contains(n)).ToList())
            {
                _nodes.Remove(gone);
            }

            foreach (var node in objects)
            {
                _nodes[node.Name] = node;
            }

            (_unreadable, _isListed) = ([.. unreadable], true);
            _receivers.ForEach(r => r.Replace(objects, unreadable));
        }
    }

    public void Apply(NodeObject changed)
    {
        lock (_lock)
        {
            _nodes[changed.Name] = changed;
            _receivers.ForEach(r => r.Apply(changed));
        }
    }

    public void Remove(ObjectName name)
    {
        lock (_lock)
        {
            _nodes.Remove(name);
            _unreadable = [.. _unreadable.Where(n => n != name)];
            _receivers.ForEach(r => r.Remove(name));
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private async Task StopAsync()
    {
        if (_stop is null)
        {
            return;
        }

        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        (_stop, _reflector) = (null, null);
        lock (_lock)
        {
            _nodes.Clear();
            (_unreadable, _isListed) = ([], false);
        }
    }
}
