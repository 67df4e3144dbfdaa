using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents against the model one at a time. Each either changes the model completely as requested, or throws and leaves it
/// unchanged. <see cref="Intent{TOutcome}.Validate"/> has checked what needs no other state.
/// </summary>
/// <param name="model">The desired state.</param>
/// <param name="node">The node.</param>
/// <param name="time">The clock; null for the system clock.</param>
internal sealed class AdmissionControl(NetworkModel model, NodeSettings node, TimeProvider? time = null)
{
    public EndpointAdmission Endpoints { get; } = new(model, node);

    public ServiceAdmission Services { get; } = new(model, node, time);

    public NodeFactsAdmission NodeFacts { get; } = new(model, node);

    public PeerAdmission Peers { get; } = new(model);

    public PolicyAdmission Policy { get; } = new(model);

    public FelixAdmission Felix { get; } = new();

    /// <summary>Decides the intent, and updates services for the endpoints that it adds or removes.</summary>
    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public TOutcome Admit<TOutcome>(Intent<TOutcome> intent, AdmissionContext context)
    {
        var mark = model.Mark;
        var outcome = intent.Admit(this, context);

        // Only the host ports of its own endpoints belong to the request. If the target refuses another of these changes, it is retried.
        Services.Follow(mark, context);
        return outcome;
    }

    /// <summary>Undoes every decision since the last <see cref="Forget"/>.</summary>
    public void Undo()
    {
        model.Undo();
        Endpoints.Pool.Undo();
        Felix.Clear();
    }

    /// <summary>Makes the decisions so far final.</summary>
    public void Forget()
    {
        model.Forget();
        Endpoints.Pool.Forget();
        Felix.Clear();
    }
}
