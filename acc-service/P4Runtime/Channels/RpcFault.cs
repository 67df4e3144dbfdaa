using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>A request to the target failed, was not sent, or got an unusable answer. The message is a single line.</summary>
public sealed class P4RuntimeException : Exception
{
    /// <summary>Creates the exception.</summary>
    public P4RuntimeException(StatusCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>The RPC's code, or one that fits a failure on our side; DATA_LOSS for a malformed answer.</summary>
    public StatusCode Code { get; }
}

/// <summary>Describes and classifies failed RPCs.</summary>
internal static class RpcFault
{
    /// <summary>The cause in one line, without the layers that gRPC and HttpClient wrap around it.</summary>
    public static string Describe(Exception exception)
    {
        if (exception is RpcException { Status.DebugException: { } cause } rpc)
        {
            var detail = rpc.Status.Detail;
            return Innermost(cause) is { } inner ? inner : OneLine(detail);
        }

        return exception is RpcException { Status: var status }
            ? OneLine(status.Detail.Length == 0 || status.Detail == status.StatusCode.ToString() ? Name(status.StatusCode)
                : $"{Name(status.StatusCode)}: {status.Detail}")
            : OneLine(exception.Message);
    }

    /// <summary>Whether the answer's headers or trailers exceeded our limit: the peer is alive and has executed the request.</summary>
    public static bool IsAnswerTooLarge(RpcException exception)
    {
        for (var e = exception.Status.DebugException; e is not null; e = e.InnerException)
        {
            // The first two are for headers and trailers that are too large in total. The last, a type internal to .NET, is for a single
            // value that is too large; it breaks the connection.
            if (e is HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }
                or HttpIOException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded }
                || e.GetType().Name == "HPackDecodingException")
            {
                return true;
            }
        }

        return false;
    }

    public static P4RuntimeException ToException(string what, RpcException exception) =>
        new(exception.StatusCode, $"{what} failed: {Describe(exception)}", exception);

    /// <summary>The code as the specification writes it, such as ALREADY_EXISTS.</summary>
    public static string Name(StatusCode code) => code switch
    {
        StatusCode.OK => "OK",
        StatusCode.Cancelled => "CANCELLED",
        StatusCode.InvalidArgument => "INVALID_ARGUMENT",
        StatusCode.DeadlineExceeded => "DEADLINE_EXCEEDED",
        StatusCode.NotFound => "NOT_FOUND",
        StatusCode.AlreadyExists => "ALREADY_EXISTS",
        StatusCode.PermissionDenied => "PERMISSION_DENIED",
        StatusCode.ResourceExhausted => "RESOURCE_EXHAUSTED",
        StatusCode.FailedPrecondition => "FAILED_PRECONDITION",
        StatusCode.Aborted => "ABORTED",
        StatusCode.OutOfRange => "OUT_OF_RANGE",
        StatusCode.Unimplemented => "UNIMPLEMENTED",
        StatusCode.Internal => "INTERNAL",
        StatusCode.Unavailable => "UNAVAILABLE",
        StatusCode.DataLoss => "DATA_LOSS",
        StatusCode.Unauthenticated => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    };

    /// <summary>The peer's message as one line for the log.</summary>
    public static string OneLine(string text)
    {
        const int Limit = 512;
        var line = text.AsSpan(0, Math.Min(text.Length, Limit)).ToString();
        return string.Create(line.Length, line, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) ? ' ' : source[i];
            }
        });
    }

    private static string? Innermost(Exception exception)
    {
        // An AuthenticationException, and the exception around a SocketException, say more than their causes.
        var e = exception;
        while (e.InnerException is { } inner && e is not AuthenticationException && inner is not SocketException)
        {
            e = inner;
        }

        return e.Message.Length == 0 ? null : OneLine(e.Message);
    }
}
