using System.Collections.Immutable;
using ACCOffload.InfraManager.Compile;
using ACCOffload.P4Runtime;

namespace ACCOffload.InfraManager.Programming;

// What others may see of the loop's state: immutable snapshots, replaced after each step.
internal sealed partial class Programmer
{
    private string _storeProblem = "";

    /// <summary>After a batch that touched these endpoints.</summary>
    private void Publish(IReadOnlyCollection<long> touched)
    {
        ImmutableSortedDictionary<long, EndpointView>.Builder views = _views.ToBuilder();
        foreach (long id in touched)
        {
            if (_model.Find(id) is { } endpoint)
                views[id] = View(endpoint);
            else
                views.Remove(id);
        }

        _views = views.ToImmutable();
        PublishStatus();
    }

    /// <summary>After something that may have touched every endpoint.</summary>
    private void PublishAll()
    {
        _views = ImmutableSortedDictionary.CreateRange(_model.Endpoints.Select(e => KeyValuePair.Create(e.Id, View(e))));
        PublishStatus();
    }

    private void PublishStatus()
    {
        _status = TakeStatus();
        if (_status.Ready)
            _ready.TrySetResult();
        else if (_ready.Task.IsCompleted)
            _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private EndpointView View(Endpoint endpoint) => new(
        endpoint, _device.PortOf(endpoint.Spec.PortName), _device.IsReady && _device.Tables.IsProgrammed(OwnerId.OfEndpoint(endpoint.Id)));

    private ProgrammerStatus TakeStatus() => new()
    {
        Ready = _device.IsReady && !_mustReload,
        TargetState = _target.Connection.State switch
        {
            SessionState.Disconnected => TargetState.Away,
            SessionState.Backup => TargetState.Backup,
            _ when _device.IsReady => TargetState.Ready,
            _ => _device.OutcomeUnknown ? TargetState.UnknownOutcome : TargetState.Reconciling,
        },
        TargetReason = _device.IsReady ? "" : _device.NotReadyReason,
        Endpoints = _model.Count,
        TableEntries = _device.Tables.DesiredCount,
        PendingEntries = _device.Tables.DirtyCount,
        QueueLength = _queue.Count,
        QueueBytes = _queue.Bytes,
        WritesSent = _device.WritesSent,
        UpdatesSent = _device.UpdatesSent,
        Commits = _store.Commits,
        Reconciled = _device.IsReconciled,
        LastReconcile = _device.LastReconcile,
        StoreProblem = _storeProblem,
    };
}
