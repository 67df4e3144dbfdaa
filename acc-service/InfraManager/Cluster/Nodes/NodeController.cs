using System.Net;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Cluster.Watch;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.Retries;

namespace ACCOffload.InfraManager.Cluster.Nodes;

/// <summary>
/// Submits what the cluster says about this node to the programmer: its addresses, its pod ranges and the cluster's service ranges. A
/// deleted Node object changes nothing, because the node's pods still run. Failures are retried.
/// </summary>
internal sealed partial class NodeController : IDisposable
{
    private readonly ServiceIndex _services;
    private readonly ILogger _logger;
    private readonly IntentSubmitter _submitter;
    private readonly ChangeSignal _signal = new();
    private readonly Lock _lock = new();
    private NodeFactsIntent _latest = new();

    public NodeController(IProgrammer programmer, ServiceIndex services, TimeProvider time, ILogger logger)
    {
        _services = services;
        _logger = logger;
        _submitter = new IntentSubmitter(
            programmer, new Backoff(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(15)), time, LogFailed, LogResumed);
        Node = new NodeSink(this, services.Node);
        ServiceRanges = new RangeSink(this);
    }

    /// <summary>Receives this node's object.</summary>
    public IObjectSink<NodeObject> Node { get; }

    public IObjectSink<ServiceRangeObject> ServiceRanges { get; }

    /// <summary>Why the latest facts are not in effect; empty if they are.</summary>
    public string Problem => _submitter.Problem;

    /// <summary>Runs until cancelled; failures do not stop it.</summary>
    public Task RunAsync(CancellationToken cancellationToken) => _submitter.RunAsync(_signal, SubmitAsync, cancellationToken);

    public void Dispose() => _signal.Dispose();

    /// <returns>Whether the facts are in effect.</returns>
    private async Task<bool> SubmitAsync(CancellationToken cancellationToken)
    {
        NodeFactsIntent intent;
        lock (_lock)
        {
            intent = _latest;
        }

        if (await _submitter.TrySubmitAsync(intent, cancellationToken) is not { Node: { } node })
        {
            return false;
        }

        _services.SetNode(node);
        if (_logger.IsEnabled(LogLevel.Information))
        {
            var (addresses, pods) = (string.Join(", ", node.NodeAddresses), string.Join(", ", node.PodRanges));
            var services = string.Join(", ", node.VirtualRanges);
            LogApplied(addresses, pods, services);
        }

        return true;
    }

    private void Update(Func<NodeFactsIntent, NodeFactsIntent> change)
    {
        lock (_lock)
        {
            var next = change(_latest);
            if (next == _latest)
            {
                return;
            }

            _latest = next;
        }

        _signal.Set();
    }

    [LoggerMessage(EventId = 4201, Level = LogLevel.Information,
        Message = "Node addresses: {Addresses}; pod ranges: {PodRanges}; service ranges: {ServiceRanges}")]
    private partial void LogApplied(string addresses, string podRanges, string serviceRanges);

    [LoggerMessage(EventId = 4202, Level = LogLevel.Warning,
        Message = "This node's addresses and ranges from the cluster are not in effect: {Problem}; the last ones stay in use until a retry "
            + "succeeds")]
    private partial void LogFailed(string problem);

    [LoggerMessage(EventId = 4203, Level = LogLevel.Information,
        Message = "This node's addresses and ranges from the cluster are in effect")]
    private partial void LogResumed();

    /// <summary>Stores the node's addresses and pod ranges, and passes the Node object on to the services, which need its zone.</summary>
    private sealed class NodeSink(NodeController controller, IObjectSink<NodeObject> services) : IObjectSink<NodeObject>
    {
        public int Count => services.Count;

        public void Replace(IReadOnlyCollection<NodeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
        {
            services.Replace(objects, unreadable);
            if (objects.FirstOrDefault() is { } node)
            {
                Set(node);
            }
        }

        public void Apply(NodeObject changed)
        {
            services.Apply(changed);
            Set(changed);
        }

        public void Remove(ObjectName name) => services.Remove(name);

        private void Set(NodeObject node) => controller.Update(facts => facts with
        {
            // A node that registers again has none at first, while its pods still run with the previous ones.
            Addresses = node.InternalAddresses.Count > 0 ? [.. node.InternalAddresses] : facts.Addresses,
            PodRanges = node.PodRanges.Count > 0 ? [.. node.PodRanges] : facts.PodRanges,
        });
    }

    private sealed class RangeSink(NodeController controller) : IObjectSink<ServiceRangeObject>
    {
        private readonly Dictionary<ObjectName, ServiceRangeObject> _objects = [];

        public int Count => _objects.Count;

        public void Replace(IReadOnlyCollection<ServiceRangeObject> objects, IReadOnlyCollection<ObjectName> unreadable)
        {
            foreach (var gone in _objects.Keys.Except(objects.Select(o => o.Name)).Except(unreadable).ToList())
            {
                _objects.Remove(gone);
            }

            foreach (var item in objects)
            {
                _objects[item.Name] = item;
            }

            // The ranges of an object that was never readable are unknown; the stored ones may contain them.
            if (unreadable.All(_objects.ContainsKey))
            {
                Publish();
            }
        }

        public void Apply(ServiceRangeObject changed)
        {
            _objects[changed.Name] = changed;
            Publish();
        }

        public void Remove(ObjectName name)
        {
            _objects.Remove(name);
            Publish();
        }

        private void Publish()
        {
            SequenceOf<IPNetwork> ranges = [.. _objects.Values.SelectMany(o => o.Ranges).Distinct()
                .OrderBy(r => r.ToString(), StringComparer.Ordinal)];
            controller.Update(facts => facts with { ServiceRanges = ranges });
        }
    }
}
