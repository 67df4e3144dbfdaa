using ACCOffload.HostStub.Cni;
using Grpc.Core;

namespace ACCOffload.HostStub.Acc;

/// <summary>Turns the ACC's errors into CNI errors.</summary>
internal static class AccErrors
{
    public static CniException ToCni(string what, RpcException e)
    {
        var detail = Sentence(e);
        return e.StatusCode switch
        {
            StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Aborted
                or StatusCode.FailedPrecondition =>
                new CniException(CniErrorCode.TryAgainLater, $"the ACC could not {what}, try again later", detail),
            StatusCode.ResourceExhausted =>
                new CniException(CniErrorCode.TryAgainLater, $"the ACC could not {what} now", detail),
            StatusCode.InvalidArgument or StatusCode.OutOfRange =>
                new CniException(CniErrorCode.InvalidNetworkConfig, $"the ACC refused to {what}", detail),
            _ => new CniException(CniErrorCode.Internal, $"the ACC refused to {what}", detail),
        };
    }

    /// <summary>The ACC's message, or what the status means if there is none.</summary>
    public static string Sentence(RpcException e)
    {
        // gRPC's client generates a detail that only repeats the code.
        if (e.Status.Detail.Length > 0 && e.Status.Detail != e.StatusCode.ToString())
        {
            return e.Status.Detail;
        }

        return e.StatusCode switch
        {
            StatusCode.DeadlineExceeded => "the ACC did not answer in time",
            StatusCode.Unavailable => "the connection to the ACC was lost before it answered",
            StatusCode.Cancelled => "the request to the ACC was cancelled before it answered",
            StatusCode.Aborted => "the ACC aborted the request",
            StatusCode.Unimplemented => "the ACC does not know this request: agent and ACC come from different releases",
            StatusCode.PermissionDenied or StatusCode.Unauthenticated => "the ACC does not permit this host to make the request",
            StatusCode.ResourceExhausted => "the ACC has reached a limit",
            var code => $"the ACC answered with {code} and no reason",
        };
    }

    /// <summary>The ACC refused the request, so it had no effect.</summary>
    public static bool IsDefinite(StatusCode code) =>
        code is StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.PermissionDenied or StatusCode.ResourceExhausted
            or StatusCode.Unauthenticated or StatusCode.Unimplemented or StatusCode.OutOfRange or StatusCode.FailedPrecondition;
}

/// <summary>The ACC can't be reached, failed verification, or closed the connection; the message says which.</summary>
internal sealed class AccException(string message) : Exception(message)
{
    /// <summary>Whether the peer's certificate was refused.</summary>
    public bool IsPeerRefused { get; init; }
}
