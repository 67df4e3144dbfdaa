using ACCOffload.InfraManager.State.Values;

namespace ACCOffload.InfraManager.State.Admission;

/// <summary>What an admission decision depends on besides the model.</summary>
internal sealed class AdmissionContext
{
    /// <summary>Why nothing can be added; null while the target can be programmed. Removals are admitted regardless.</summary>
    public IntentException? AddsRefused { get; init; }

    /// <summary>Whether a port existed on the target before and is therefore not ours to remove.</summary>
    public Func<string, bool> IsForeignPort { get; init; } = static _ => false;

    /// <summary>Why it is not known whether a port existed on the target before; null if it is known.</summary>
    public Func<string, IntentException?> ProblemOfPort { get; init; } = static _ => null;

    /// <summary>Why an attachment of the current Sync is known to fail because the target refused it; null if it is not.</summary>
    public Func<AttachmentKey, IntentException?> KnownFailure { get; init; } = static _ => null;

    /// <summary>
    /// Called with the owner of entries that the intent adds or changes, and with the attachment's key for an endpoint. When the target
    /// refuses an entry, this identifies the intent at fault.
    /// </summary>
    public Action<OwnerId, AttachmentKey> Changed { get; init; } = static (_, _) => { };

    /// <summary>Called regularly during a long decision, to show that the programmer is not stuck.</summary>
    public Action Progress { get; init; } = static () => { };
}
