using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>What a decision depends on besides the model.</summary>
internal sealed class AdmissionContext
{
    /// <summary>Null while the target can be programmed; else why nothing can be added. Removals are admitted all the same.</summary>
    public IntentException? AddsRefused { get; init; }

    /// <summary>Ports that were on the target before us and are not ours to remove.</summary>
    public Func<string, bool> IsForeignPort { get; init; } = static _ => false;

    /// <summary>Why an attachment of the Sync at hand is known to fail, because the target refused it; null if it is not.</summary>
    public Func<AttachmentKey, IntentException?> KnownFailure { get; init; } = static _ => null;

    /// <summary>
    /// Called with the owner of entries that the intent adds or changes, and with the attachment's key if it is an endpoint: shows which
    /// intent is at fault when the target refuses an entry.
    /// </summary>
    public Action<OwnerId, AttachmentKey> Changed { get; init; } = static (_, _) => { };

    /// <summary>Called now and then during a long decision: the programmer is not stuck.</summary>
    public Action Progress { get; init; } = static () => { };
}
