using System.Collections.Frozen;
using System.Collections.Immutable;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Session;

namespace ACCOffload.InfraManager.Programming;

// Publishes immutable snapshots of the loop's state for other threads.
internal sealed partial class Programmer
{
    private string _storeProblem = "";

    // The settings that the published next hops follow from; they are replaced with every change of a node.
    private NodeSettings? _hopsNode;

    private void Publish(BatchRun run)
    {
        var views = _views.ToBuilder();
        foreach (var owner in run.Touched.Where(o => o.Kind == OwnerKind.Endpoint))
        {
            if (_model.Endpoints.Find(owner.Id) is { } endpoint)
            {
                views[owner.Id] = View(endpoint);
            }
            else
            {
                views.Remove(owner.Id);
            }
        }

        _views = views.ToImmutable();
        var services = _services.ToBuilder();
        foreach (var key in run.Services)
        {
            if (_model.Services.Find(key) is { } service)
            {
                services[key] = View(service);
            }
            else
            {
                services.Remove(key);
            }
        }

        _services = services.ToImmutable();
        _snat = _model.Snat.Current;
        _current = _effective.Of(_model);
        PublishPeers(run.Touched);
        PublishStatus();
    }

    private void PublishPeers(IEnumerable<OwnerId> touched)
    {
        var (nodes, neighbors) = (_remoteNodes.ToBuilder(), _neighbors.ToBuilder());
        foreach (var owner in touched.Where(o => o.Kind is OwnerKind.RemoteNode or OwnerKind.Neighbor))
        {
            var id = (uint)owner.Id;
            nodes.Remove(id);
            neighbors.Remove(id);
            if (owner.Kind == OwnerKind.RemoteNode && _model.RemoteNodes.Find(id) is { } node)
            {
                nodes.Add(id, View(node));
            }
            else if (owner.Kind == OwnerKind.Neighbor && _model.Neighbors.Find(id) is { } neighbor)
            {
                neighbors.Add(id, neighbor);
            }
        }

        _remoteNodes = nodes.ToImmutable();
        _neighbors = neighbors.ToImmutable();
        if (!ReferenceEquals(_current, _hopsNode))
        {
            _hopsNode = _current;
            PublishNextHops();
        }
    }

    private void PublishNextHops()
    {
        var hops = RequiredNextHops.Of(_current, _model);
        if (!_nextHops.SetEquals(hops))
        {
            _nextHops = hops.ToFrozenSet();
            NextHopsChanged?.Invoke();
        }
    }

    /// <summary>Publishes everything, after a step that may have changed all of it.</summary>
    private void PublishAll()
    {
        _views = ImmutableSortedDictionary.CreateRange(_model.Endpoints.Values.Select(e => KeyValuePair.Create(e.Id, View(e))));
        _services = ImmutableDictionary.CreateRange(_model.Services.Values.Select(s => KeyValuePair.Create(s.Key, View(s))));
        _snat = _model.Snat.Current;
        _current = _effective.Of(_model);
        _remoteNodes = ImmutableDictionary.CreateRange(_model.RemoteNodes.Values.Select(n => KeyValuePair.Create(n.Id, View(n))));
        _neighbors = ImmutableDictionary.CreateRange(_model.Neighbors.Values.Select(n => KeyValuePair.Create(n.Id, n)));
        _hopsNode = _current;
        PublishNextHops();
        PublishStatus();
    }

    private void PublishStatus()
    {
        _status = TakeStatus();
        if (_status.Ready)
        {
            _ready.TrySetResult();
        }
        else if (_ready.Task.IsCompleted)
        {
            _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private EndpointView View(Endpoint endpoint) => new(
        endpoint, _device.PortOf(endpoint.Spec.PortName), _device.IsReady && _device.Tables.IsProgrammed(OwnerId.OfEndpoint(endpoint.Id)));

    private RemoteNodeView View(RemoteNode node)
    {
        var path = NodePath.To(node, _current);
        return new(
            node, path, RemoteNodeProblem.Of(node, path, _model, _current),
            _device.IsReady && _device.Tables.IsProgrammed(OwnerId.OfRemoteNode(node.Id)));
    }

    private ServiceView View(ServiceState service) =>
        new(service, _device.IsReady && _device.Tables.IsProgrammed(OwnerId.OfService(service.Id)));

    private ProgrammerStatus TakeStatus() => new()
    {
        Ready = _device.IsReady && !_mustReload,
        TargetState = _target.Connection.State switch
        {
            SessionState.Disconnected => TargetState.Disconnected,
            SessionState.Backup => TargetState.Backup,
            _ when _device.IsReady => TargetState.Ready,
            _ => _device.OutcomeUnknown ? TargetState.UnknownOutcome : TargetState.Reconciling,
        },
        TargetReason = _device.IsReady ? "" : _device.NotReadyReason,
        PipelineProblem = _device.IsReady ? "" : _device.PipelineProblem,
        Endpoints = _model.Endpoints.Count,
        Agent = _model.Agents.Of(_node.Name),
        Services = _model.Services.Count,
        LastServiceNumber = _model.ServiceIds.Last,
        TableEntries = _device.Tables.DesiredCount,
        PendingEntries = _device.Tables.DirtyCount,
        Tables = _device.Tables.Tally.Tables,
        Differences = _device.Tables.Tally.Rows,
        QueueLength = _queue.Count,
        QueueBytes = _queue.Bytes,
        WritesSent = _device.WritesSent,
        UpdatesSent = _device.UpdatesSent,
        Commits = _store.Commits,
        Reconciled = _device.IsReconciled,
        LastReconcile = _device.LastReconcile,
        Policy = TakePolicyStatus(),
        StoreProblem = _storeProblem,
    };

    private PolicyStatus TakePolicyStatus()
    {
        var bindings = _model.Policies;
        if (!bindings.IsOn)
        {
            return PolicyStatus.Off;
        }

        var sets = _model.Endpoints.Values.Select(bindings.Of).ToList();
        return new PolicyStatus(
            true, bindings.IsAwaited, bindings.IsSynced, bindings.IsFenced, _policies!.CountOf(_model),
            sets.Count(s => s.Isolate && !s.ArePending), sets.Count(s => s.ArePending),
            _policies.Compiler.Unresolved.Count);
    }
}
