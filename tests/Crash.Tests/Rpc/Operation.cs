namespace ACCOffload.Crash.Tests.Rpc;

/// <summary>The result of a request as seen by its caller.</summary>
internal enum Answer
{
    /// <summary>Success: the change holds.</summary>
    Acknowledged,

    /// <summary>The server rejected it: nothing has changed.</summary>
    Refused,

    /// <summary>No response: the change holds completely or not at all.</summary>
    Unknown,
}

/// <summary>One request. The higher sequence number is newer, regardless of the order of arrival.</summary>
/// <param name="ContainerId">Identifies the attachment.</param>
/// <param name="Spec">The requested endpoint; null for a Detach.</param>
/// <param name="Sequence">The sequence number among the host's requests.</param>
internal sealed record Operation(string ContainerId, PodSpec? Spec, ulong Sequence)
{
    public Answer Answer { get; set; } = Answer.Unknown;
}
