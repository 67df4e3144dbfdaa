namespace ACCOffload.Crash.Rpc;

/// <summary>What became of a request, as far as its caller can tell.</summary>
internal enum Answer
{
    /// <summary>Success: it holds.</summary>
    Acknowledged,

    /// <summary>The server said no: nothing of it holds.</summary>
    Refused,

    /// <summary>No answer of the server: it holds wholly or not at all.</summary>
    Unknown,
}

/// <summary>One request. The larger sequence number is the newer one, in whichever order they arrive.</summary>
/// <param name="ContainerId">Names the attachment.</param>
/// <param name="Spec">What an Attach asks for; null: a Detach.</param>
/// <param name="Sequence">Its place among the requests of the host.</param>
internal sealed record Operation(string ContainerId, PodSpec? Spec, ulong Sequence)
{
    public Answer Answer { get; set; } = Answer.Unknown;
}
