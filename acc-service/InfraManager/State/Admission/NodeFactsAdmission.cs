using System.Net;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>Decides intents that carry what the cluster says about the node.</summary>
internal sealed class NodeFactsAdmission(NetworkModel model, NodeSettings configured)
{
    /// <exception cref="IntentException">
    /// INVALID_ARGUMENT: the facts conflict with each other or with the configuration; the model is unchanged.
    /// </exception>
    public NodeFactsOutcome Set(NodeFactsIntent intent, AdmissionContext context)
    {
        var next = intent.Apply(model.NodeFacts.Current);
        var node = configured.With(next, model.RemoteNodes.Values);
        if (AddressConflict.Of(node).ToList() is [var conflict, ..])
        {
            throw IntentException.Invalid(conflict.Key, $"{conflict.Value} {conflict.Reason}; {conflict.Remedy}");
        }

        model.NodeFacts.Set(next);
        // The host's endpoint changes, too, but the facts are not to blame for its port.
        context.Changed(OwnerId.Node, default);
        return new NodeFactsOutcome(node);
    }
}

/// <summary>What the cluster says about the node. Parts that are null keep their value.</summary>
internal sealed record NodeFactsIntent : Intent<NodeFactsOutcome>
{
    public SequenceOf<IPAddress>? Addresses { get; init; }

    public SequenceOf<IPNetwork>? PodRanges { get; init; }

    public SequenceOf<IPNetwork>? ServiceRanges { get; init; }

    public override int EstimatedBytes =>
        256 + (64 * ((Addresses?.Count ?? 0) + (PodRanges?.Count ?? 0) + (ServiceRanges?.Count ?? 0)));

    public override NodeFactsOutcome Admit(AdmissionControl admission, AdmissionContext context)
    {
        var outcome = admission.NodeFacts.Set(this, context);
        admission.Services.FollowNode();
        return outcome;
    }

    public NodeFacts Apply(NodeFacts current) => new(
        Addresses ?? current.Addresses, PodRanges ?? current.PodRanges, ServiceRanges ?? current.ServiceRanges);
}

/// <summary>What the cluster says is durable and programmed on the target.</summary>
/// <param name="Node">The node's settings in effect.</param>
internal sealed record NodeFactsOutcome(NodeSettings Node);
