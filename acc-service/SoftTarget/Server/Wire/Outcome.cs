using Grpc.Core;

namespace ACCOffload.SoftTarget.Server.Wire;

/// <summary>Result of one update or read request: OK, or a canonical code and the reason.</summary>
internal readonly record struct Outcome(StatusCode Code, string Message)
{
    public static Outcome Ok => default;

    public bool IsOk => Code == StatusCode.OK;

    public static Outcome Invalid(string message) => new(StatusCode.InvalidArgument, message);

    public static Outcome OutOfRange(string message) => new(StatusCode.OutOfRange, message);

    public static Outcome NotFound(string message) => new(StatusCode.NotFound, message);

    public static Outcome Exists(string message) => new(StatusCode.AlreadyExists, message);

    public static Outcome Denied(string message) => new(StatusCode.PermissionDenied, message);

    public static Outcome Full(string message) => new(StatusCode.ResourceExhausted, message);

    public static Outcome Precondition(string message) => new(StatusCode.FailedPrecondition, message);

    public static Outcome Unimplemented(string message) => new(StatusCode.Unimplemented, message);

    /// <summary>An update of an all-or-nothing batch that was rolled back because another update failed.</summary>
    public static Outcome Aborted => new(StatusCode.Aborted, "rolled back: another update of the batch failed");

    public RpcException ToException() => new(new Status(Code, Message));
}
