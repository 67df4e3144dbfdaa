using ACCOffload.HostStub.Cni;
using Grpc.Core;

namespace ACCOffload.HostStub.Acc;

/// <summary>What the ACC answered, as a CNI error.</summary>
internal static class AccErrors
{
    public static CniException ToCni(string what, RpcException e)
    {
        string detail = e.Status.Detail.Length > 0 ? e.Status.Detail : e.StatusCode.ToString();
        return e.StatusCode switch
        {
            StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Cancelled or StatusCode.Aborted or StatusCode.FailedPrecondition =>
                new CniException(CniErrorCode.TryAgainLater, $"the ACC could not {what}, try again later", $"{e.StatusCode}: {detail}"),
            StatusCode.ResourceExhausted =>
                new CniException(CniErrorCode.TryAgainLater, $"the ACC could not {what} now", detail),
            StatusCode.InvalidArgument or StatusCode.OutOfRange =>
                new CniException(CniErrorCode.InvalidNetworkConfig, $"the ACC refused to {what}", detail),
            _ => new CniException(CniErrorCode.Internal, $"the ACC refused to {what}", $"{e.StatusCode}: {detail}"),
        };
    }

    /// <summary>The request can't have had an effect: the ACC read it and said no.</summary>
    public static bool IsDefinite(StatusCode code) =>
        code is StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.PermissionDenied or StatusCode.ResourceExhausted
            or StatusCode.Unauthenticated or StatusCode.Unimplemented or StatusCode.OutOfRange or StatusCode.FailedPrecondition;
}
