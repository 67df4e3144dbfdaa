using Grpc.Core;

namespace ACCOffload.P4Runtime.Session;

/// <summary>Outcome of a Write.</summary>
public enum WriteOutcome
{
    /// <summary>Every update was applied.</summary>
    Applied,

    /// <summary>Some or all updates failed, each with a reason; the others were applied.</summary>
    Failed,

    /// <summary>The target refused the whole Write; nothing was applied.</summary>
    Rejected,

    /// <summary>The Write was not sent: no connection, not primary, or canceled before; nothing was applied.</summary>
    NotSent,

    /// <summary>Any part may have been applied: there was no answer, or an inconclusive one. Read and reconcile.</summary>
    Unknown,
}

/// <summary>Why one update failed.</summary>
/// <param name="Index">Position of the update in the Write.</param>
/// <param name="Code">The target's code.</param>
/// <param name="Message">One line: kind, table, key, code and the target's message.</param>
/// <param name="Reason">The target's message alone.</param>
public sealed record UpdateError(int Index, StatusCode Code, string Message, string Reason)
{
    /// <summary>Whether the code means that nothing was applied; false for codes such as INTERNAL, which leave it open.</summary>
    public bool IsDefinite => WriteResult.IsDefinite(Code);
}

/// <summary>The result of a Write.</summary>
public sealed class WriteResult
{
    internal static readonly WriteResult Success = new(WriteOutcome.Applied, StatusCode.OK, "", []);

    internal WriteResult(
        WriteOutcome outcome, StatusCode code, string message, IReadOnlyList<UpdateError> errors, bool answerTooLarge = false)
    {
        Outcome = outcome;
        Code = code;
        Message = message;
        Errors = errors;
        IsAnswerTooLarge = answerTooLarge;
    }

    /// <summary>The outcome.</summary>
    public WriteOutcome Outcome { get; }

    /// <summary>Whether every update was applied.</summary>
    public bool AllOk => Outcome == WriteOutcome.Applied;

    /// <summary>The RPC's code.</summary>
    public StatusCode Code { get; }

    /// <summary>The error in one line; empty on success.</summary>
    public string Message { get; }

    /// <summary>The updates that failed, in order; empty unless the outcome is <see cref="WriteOutcome.Failed"/>.</summary>
    public IReadOnlyList<UpdateError> Errors { get; }

    /// <summary>
    /// Whether the outcome is unknown only because the error details exceeded our limit: the target is alive, and smaller Writes get
    /// through.
    /// </summary>
    public bool IsAnswerTooLarge { get; }

    /// <inheritdoc/>
    public override string ToString() => Outcome == WriteOutcome.Applied ? "applied" : $"{Outcome}: {Message}";

    internal static bool IsDefinite(StatusCode code) =>
        code is StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists
        or StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.ResourceExhausted or StatusCode.FailedPrecondition
        or StatusCode.OutOfRange or StatusCode.Unimplemented;
}
