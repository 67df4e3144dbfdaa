namespace ACCOffload.InfraManager.Model;

/// <summary>The attachment holds: durably and on the target.</summary>
/// <param name="Endpoint">As the model holds it.</param>
/// <param name="Port">The port's number in the pipeline; 0 when a later request of the same batch already removed the attachment.</param>
internal sealed record AttachOutcome(Endpoint Endpoint, uint Port);

/// <summary>The attachment is durably gone; its entries are, or will be as soon as the target can be reached.</summary>
/// <param name="Removed">False when there was nothing to remove.</param>
internal sealed record DetachOutcome(bool Removed);

/// <summary>What a Sync did. Failures say why one listed attachment could not be applied; the others were.</summary>
internal sealed record SyncOutcome(int Kept, int Added, int Removed, IReadOnlyList<SyncItemFailure> Failures);

/// <summary>One attachment of a Sync that could not be applied.</summary>
internal sealed record SyncItemFailure(AttachmentKey Key, IntentException Error);

/// <summary>The service is as wanted: durably, and on the target.</summary>
/// <param name="State">Null when nothing is left of it.</param>
internal sealed record ServiceOutcome(ServiceState? State);

/// <summary>What is masqueraded from now on: durably, and on the target.</summary>
internal sealed record SnatOutcome(SnatState State);
