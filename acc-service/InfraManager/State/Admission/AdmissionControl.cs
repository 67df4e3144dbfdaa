using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>
/// Decides intents against the model, one after the other: each either changes the model as asked, wholly, or throws and leaves it as it
/// was. Relies on <see cref="Intent{TOutcome}.Validate"/> for what needs no other state.
/// </summary>
/// <param name="model">The desired state.</param>
/// <param name="node">The node.</param>
/// <param name="time">The clock; null for the system's.</param>
internal sealed class AdmissionControl(NetworkModel model, NodeSettings node, TimeProvider? time = null)
{
    public EndpointAdmission Endpoints { get; } = new(model, node);

    public ServiceAdmission Services { get; } = new(model, node, time);

    /// <summary>Decides the intent, and lets services follow the endpoints that it adds or removes.</summary>
    /// <exception cref="IntentException">Refused; the model is unchanged.</exception>
    public TOutcome Admit<TOutcome>(Intent<TOutcome> intent, AdmissionContext context)
    {
        var mark = model.Mark;
        var outcome = intent.Admit(this, context);

        // What follows for services is nobody's request: if the target refuses it, it is tried again.
        Services.Follow(mark, context.Progress);
        return outcome;
    }

    /// <summary>Undoes every decision since the last <see cref="Forget"/>.</summary>
    public void Undo()
    {
        model.Undo();
        Endpoints.Pool.Undo();
    }

    /// <summary>The decisions so far stay.</summary>
    public void Forget()
    {
        model.Forget();
        Endpoints.Pool.Forget();
    }
}
