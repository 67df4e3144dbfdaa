using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>The attachment is durable and programmed on the target.</summary>
/// <param name="Endpoint">The endpoint in the model.</param>
/// <param name="Port">The pipeline number of the port; null when a later request of the same batch already removed the attachment.</param>
internal sealed record AttachOutcome(Endpoint Endpoint, uint? Port);

/// <summary>The attachment is durably removed. Its entries are removed as soon as the target is reachable.</summary>
/// <param name="Removed">False when there was no attachment, or it is newer than the request.</param>
internal sealed record DetachOutcome(bool Removed);

/// <summary>The result of a Sync. Failures are listed attachments that could not be applied; all others were.</summary>
internal sealed record SyncOutcome(int Kept, int Added, int Removed, IReadOnlyList<SyncItemFailure> Failures);

/// <summary>One attachment of a Sync that could not be applied.</summary>
/// <param name="Key">Null when the item has no valid key.</param>
/// <param name="Index">The item's index in the list.</param>
/// <param name="Error">Why it failed.</param>
internal sealed record SyncItemFailure(AttachmentKey? Key, int Index, IntentException Error);

/// <summary>An agent has a new epoch, which is durable.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="PreviousAgent">The agent that had the previous epoch; empty if there was none.</param>
/// <param name="Attachments">The node's endpoints of the Offload API.</param>
internal sealed record BeginOutcome(ulong Epoch, string PreviousAgent, IReadOnlyList<EndpointSpec> Attachments);

/// <summary>The endpoints that the operator removed.</summary>
internal sealed record RemovalOutcome(IReadOnlyList<EndpointSpec> Removed);

/// <summary>The service is durable and programmed on the target.</summary>
/// <param name="State">Null when nothing is left of it.</param>
internal sealed record ServiceOutcome(ServiceState? State);

/// <summary>The masquerading configuration is durable and programmed on the target.</summary>
internal sealed record SnatOutcome(SnatState State);
