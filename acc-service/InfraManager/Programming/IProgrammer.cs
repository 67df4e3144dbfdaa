using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.Programming;

/// <summary>What the APIs, ctl and the cluster's watch post to, and where they see what holds. Any thread.</summary>
internal interface IProgrammer
{
    /// <summary>A consistent snapshot of the last batch; the queue and the connection are as of now.</summary>
    ProgrammerStatus Status { get; }

    /// <summary>The endpoints as of the last batch, oldest first.</summary>
    IReadOnlyList<EndpointView> Endpoints { get; }

    /// <summary>The services as of the last batch.</summary>
    IReadOnlyDictionary<ServiceKey, ServiceView> Services { get; }

    /// <summary>What is masqueraded, as of the last batch.</summary>
    SnatState Snat { get; }

    /// <summary>
    /// Checks an intent and carries it out. Returns when that is durable, and done on the target; a removal waits for the target only if it
    /// can be reached.
    /// </summary>
    /// <exception cref="IntentException">Refused or failed; nothing of it holds.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; if the programmer took the intent before, it takes its
    /// course.</exception>
    Task<TOutcome> SubmitAsync<TOutcome>(Intent<TOutcome> intent, CancellationToken cancellationToken);
}
