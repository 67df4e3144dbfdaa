using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>The attachment holds: durably and on the target.</summary>
/// <param name="Endpoint">As the model holds it.</param>
/// <param name="Port">The port's number in the pipeline; null when a later request of the same batch already removed the
/// attachment.</param>
internal sealed record AttachOutcome(Endpoint Endpoint, uint? Port);

/// <summary>The attachment is durably gone; its entries are, or will be as soon as the target can be reached.</summary>
/// <param name="Removed">False when there was nothing to remove.</param>
internal sealed record DetachOutcome(bool Removed);

/// <summary>What a Sync did. Failures say why one listed attachment could not be applied; the others were.</summary>
internal sealed record SyncOutcome(int Kept, int Added, int Removed, IReadOnlyList<SyncItemFailure> Failures);

/// <summary>One attachment of a Sync that could not be applied.</summary>
/// <param name="Key">Null: the item has no usable one.</param>
/// <param name="Index">Its place in the list.</param>
/// <param name="Error">Why.</param>
internal sealed record SyncItemFailure(AttachmentKey? Key, int Index, IntentException Error);

/// <summary>An agent has a new epoch, durably.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="Before">The agent that had the last one; empty if nobody had.</param>
/// <param name="Held">What the model holds of the agent's node through the Offload API.</param>
internal sealed record BeginOutcome(ulong Epoch, string Before, IReadOnlyList<EndpointSpec> Held);

/// <summary>What the operator removed, as it was.</summary>
internal sealed record RemovalOutcome(IReadOnlyList<EndpointSpec> Removed);

/// <summary>The service is as wanted: durably, and on the target.</summary>
/// <param name="State">Null when nothing is left of it.</param>
internal sealed record ServiceOutcome(ServiceState? State);

/// <summary>What is masqueraded from now on: durably, and on the target.</summary>
internal sealed record SnatOutcome(SnatState State);
