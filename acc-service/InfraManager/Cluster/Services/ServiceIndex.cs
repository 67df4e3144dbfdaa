using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Services;

namespace ACCOffload.InfraManager.Cluster.Services;

/// <summary>
/// Indexes the cluster's Services and EndpointSlices, and tracks which services have changed since they were last taken: a changed endpoint
/// affects only its own service. Thread-safe.
/// </summary>
internal sealed class ServiceIndex
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ServiceKey, ServiceObject> _services = [];
    private readonly Dictionary<ObjectName, SliceObject> _slices = [];
    private readonly Dictionary<ServiceKey, Dictionary<ObjectName, SliceObject>> _slicesOf = [];
    private readonly FrontendClaims _claims = new();
    private readonly HashSet<ServiceKey> _dirty = [];
    private int _taken;
    private ServiceContext _context;
    private Action? _changed;

    public ServiceIndex(ServiceContext context)
    {
        _context = context;
        Services = new ServiceSink(this);
        Slices = new SliceSink(this);
        Node = new NodeSink(this);
    }

    /// <summary>Raised after a change, on the caller's thread; handlers must not block.</summary>
    public event Action Changed
    {
        add => _changed += value;
        remove => _changed -= value;
    }

    public IObjectSink<ServiceObject> Services { get; }

    public IObjectSink<SliceObject> Slices { get; }

    public IObjectSink<NodeObject> Node { get; }

    /// <summary>Number of changed services, including those taken last.</summary>
    public int PendingCount
    {
        get
        {
            lock (_lock)
            {
                return _dirty.Count + _taken;
            }
        }
    }

    /// <summary>Sets the node's settings in effect. All services are resolved again if its addresses or pod ranges have changed.</summary>
    public void SetNode(NodeSettings node) => Update(() =>
    {
        var before = _context;
        _context = ServiceContext.Of(node, before.Zone);
        if (before.NodeAddresses.SequenceEqual(node.NodeAddresses) && (before.Node?.PodRanges ?? []).SequenceEqual(node.PodRanges))
        {
            return;
        }

        foreach (var (key, service) in _services)
        {
            _claims.Set(key, service.Created, ServiceFrontends.Of(service, _context), _dirty);
        }

        _dirty.UnionWith(_services.Keys);
    });

    /// <summary>The UID of a Service; empty if it does not exist.</summary>
    public string UidOf(ServiceKey key)
    {
        lock (_lock)
        {
            return _services.GetValueOrDefault(key)?.Uid ?? "";
        }
    }

    /// <summary>Marks services as changed.</summary>
    public void MarkChanged(IEnumerable<ServiceKey> keys)
    {
        lock (_lock)
        {
            _dirty.UnionWith(keys);
        }

        _changed?.Invoke();
    }

    /// <summary>
    /// Takes up to <paramref name="max"/> changed services with their desired state, null for services to remove. The services taken before
    /// count as applied.
    /// </summary>
    public IReadOnlyList<ServiceIntent> Take(int max)
    {
        lock (_lock)
        {
            ServiceKey[] keys = [.. _dirty.Take(max)];
            _dirty.ExceptWith(keys);
            _taken = keys.Length;
            // Removals first, so that a frontend is released before another service takes it over.
            return [.. keys.Select(Resolve).OrderBy(i => i.Spec is not null)];
        }
    }

    private ServiceIntent Resolve(ServiceKey key) => new(
        key,
        _services.TryGetValue(key, out var service)
            ? ServiceResolver.Resolve(service, _slicesOf.TryGetValue(key, out var slices) ? slices.Values : [], _context, _claims.OwnerOf)
            : null);

    private static ServiceKey KeyOf(ObjectName name) => new(name.Namespace, name.Name);

    private static ServiceKey KeyOf(SliceObject slice) => new(slice.Name.Namespace, slice.ServiceName);

    private void SetService(ServiceKey key, ServiceObject? service)
    {
        if (service is null ? !_services.Remove(key) : _services.TryGetValue(key, out var old) && IsSame(old, service))
        {
            return;
        }

        if (service is not null)
        {
            _services[key] = service;
        }

        _claims.Set(key, service?.Created ?? default, service is null ? [] : ServiceFrontends.Of(service, _context), _dirty);
        _dirty.Add(key);
    }

    private void SetSlice(ObjectName name, SliceObject? slice)
    {
        if (_slices.TryGetValue(name, out var old))
        {
            if (slice is not null && IsSame(old, slice))
            {
                return;
            }
            // The slice may have moved to another service.
            var before = KeyOf(old);
            if (_slicesOf.TryGetValue(before, out var siblings) && siblings.Remove(name) && siblings.Count == 0)
            {
                _slicesOf.Remove(before);
            }

            _dirty.Add(before);
            _slices.Remove(name);
        }
        if (slice is null)
        {
            return;
        }

        _slices.Add(name, slice);
        // A slice without the label belongs to no service.
        if (slice.ServiceName.Length == 0)
        {
            return;
        }

        var key = KeyOf(slice);
        if (!_slicesOf.TryGetValue(key, out var slices))
        {
            _slicesOf.Add(key, slices = []);
        }

        slices[name] = slice;
        _dirty.Add(key);
    }

    private static bool IsSame(KubeObject a, KubeObject b) =>
        a.ResourceVersion == b.ResourceVersion && a.Uid == b.Uid && a.ResourceVersion.Length > 0;

    private void Update(Action change)
    {
        bool any;
        lock (_lock)
        {
            change();
            any = _dirty.Count > 0;
        }
        if (any)
        {
            _changed?.Invoke();
        }
    }

    private sealed class ServiceSink(ServiceIndex index) : IObjectSink<ServiceObject>
    {
        public int Count
        {
            get
            {
                lock (index._lock)
                {
                    return index._services.Count;
                }
            }
        }

        public void Replace(IReadOnlyCollection<ServiceObject> objects, IReadOnlyCollection<ObjectName> unreadable) => index.Update(() =>
        {
            var keep = objects.Select(o => KeyOf(o.Name)).Concat(unreadable.Select(KeyOf)).ToHashSet();
            foreach (var gone in index._services.Keys.Where(k => !keep.Contains(k)).ToList())
            {
                index.SetService(gone, null);
            }

            foreach (var service in objects)
            {
                index.SetService(KeyOf(service.Name), service);
            }
        });

        public void Apply(ServiceObject changed) => index.Update(() => index.SetService(KeyOf(changed.Name), changed));

        public void Remove(ObjectName name) => index.Update(() => index.SetService(KeyOf(name), null));
    }

    private sealed class SliceSink(ServiceIndex index) : IObjectSink<SliceObject>
    {
        public int Count
        {
            get
            {
                lock (index._lock)
                {
                    return index._slices.Count;
                }
            }
        }

        public void Replace(IReadOnlyCollection<SliceObject> objects, IReadOnlyCollection<ObjectName> unreadable) => index.Update(() =>
        {
            var keep = objects.Select(o => o.Name).Concat(unreadable).ToHashSet();
            foreach (var gone in index._slices.Keys.Where(k => !keep.Contains(k)).ToList())
            {
                index.SetSlice(gone, null);
            }

            foreach (var slice in objects)
            {
                index.SetSlice(slice.Name, slice);
            }
        });

        public void Apply(SliceObject changed) => index.Update(() => index.SetSlice(changed.Name, changed));

        public void Remove(ObjectName name) => index.Update(() => index.SetSlice(name, null));
    }

    private sealed class NodeSink(ServiceIndex index) : IObjectSink<NodeObject>
    {
        private bool _exists;

        public int Count => _exists ? 1 : 0;

        public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
        {
            if (objects.Count > 0 || unreadable.Count == 0)
            {
                Set(objects.FirstOrDefault());
            }
        }

        public void Apply(NodeObject changed) => Set(changed);

        public void Remove(ObjectName name) => Set(null);

        private void Set(NodeObject? node) => index.Update(() =>
        {
            _exists = node is not null;
            if ((node?.Zone ?? "") == index._context.Zone)
            {
                return;
            }

            index._context = index._context with { Zone = node?.Zone ?? "" };
            var hinted = index._slices.Values.Where(s => s.ServiceName.Length > 0 && s.Endpoints.Any(e => e.ZoneHints.Count > 0));
            index._dirty.UnionWith(hinted.Select(KeyOf));
        });
    }
}
