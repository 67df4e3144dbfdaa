namespace ACCOffload.InfraManager.State.Values;

/// <summary>Why an intent was refused; the numbers are the gRPC status codes.</summary>
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
/// An intent was refused or failed. The message is one line for the caller; <see cref="Field"/> names the request field at fault, if
/// there is one.
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
    /// Retrying does not help until something else changes, because the target refused an entry or no ID is left. When this is false, a
    /// code for a transient failure means that the same request may soon succeed.
    /// </summary>
    public bool IsLasting { get; init; }

    /// <summary>
    /// The field as in the proto, such as <c>device.mac</c> or <c>addresses[1]</c>; empty when no single field is at fault.
    /// </summary>
    public string Field { get; }

    public static IntentException Invalid(string field, string message) => new(IntentError.InvalidArgument, message, field);

    public static IntentException AlreadyExists(string field, string message) => new(IntentError.AlreadyExists, message, field);

    /// <summary>The request is older than an earlier one, or not of the current epoch.</summary>
    public static IntentException Stale(string field, string message) => new(IntentError.FailedPrecondition, message, field);

    public static IntentException Unavailable(string reason) => new(IntentError.Unavailable, reason);
}
