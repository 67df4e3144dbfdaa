namespace ACCOffload.InfraManager.State.Values;

/// <summary>Why an intent was refused; the numbers are those of gRPC's status codes.</summary>
internal enum IntentError
{
    Cancelled = 1,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Internal = 13,
    Unavailable = 14,
}

/// <summary>
/// An intent was refused or failed. The message is one line for the caller; <see cref="Field"/> names the request's field, if one is at
/// fault.
/// </summary>
internal sealed class IntentException : Exception
{
    public IntentException(IntentError code, string message, string field = "") : base(field.Length == 0 ? message : $"{field}: {message}")
    {
        Code = code;
        Field = field;
    }

    public IntentError Code { get; }

    /// <summary>
    /// Waiting does not help: the target's tables have no room for what is wanted until something else goes. Otherwise a code of a passing
    /// failure means that the same may well succeed soon.
    /// </summary>
    public bool IsLasting { get; init; }

    /// <summary>As in the proto, such as <c>device.mac</c> or <c>addresses[1]</c>; empty when no single field is at fault.</summary>
    public string Field { get; }

    public static IntentException Invalid(string field, string message) => new(IntentError.InvalidArgument, message, field);

    public static IntentException Held(string field, string message) => new(IntentError.AlreadyExists, message, field);

    /// <summary>The request is older than what was there before, or of an epoch that is not the current one.</summary>
    public static IntentException Stale(string field, string message) => new(IntentError.FailedPrecondition, message, field);

    public static IntentException Away(string reason) => new(IntentError.Unavailable, reason);
}
