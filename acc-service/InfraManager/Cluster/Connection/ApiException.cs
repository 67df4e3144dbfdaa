using System.Net;
using ACCOffload.InfraManager.Cluster.Objects;

namespace ACCOffload.InfraManager.Cluster.Connection;

/// <summary>The API server refused, by an HTTP status or within a watch. The message is one line and says what to do where that is known.</summary>
internal sealed class ApiException(int code, string reason, string message, TimeSpan? retryAfter)
    : Exception($"the API server answers {code} {reason}: {ConfigurationError.OneLine(message)}{Remedy(code)}")
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    public int Code { get; } = code;

    public string Reason { get; } = reason;

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter is { } wait ? (wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestWait ? LongestWait : wait) : null;

    /// <summary>The resource version is too old: list again.</summary>
    public bool IsExpired => Code == (int)HttpStatusCode.Gone || Reason is "Expired" or "Gone";

    public static ApiException Of(StatusDocument? status, int httpCode, TimeSpan? retryAfter = null)
    {
        var code = status?.Code is > 0 and < 1000 ? status.Code.Value : httpCode;
        var reason = string.IsNullOrEmpty(status?.Reason) ? ((HttpStatusCode)code).ToString() : ConfigurationError.OneLine(status.Reason);
        var seconds = status?.Details?.RetryAfterSeconds;
        return new ApiException(code, reason, status?.Message ?? "no message", seconds is > 0 ? TimeSpan.FromSeconds(seconds.Value) : retryAfter);
    }

    private static string Remedy(int code) => code switch
    {
        401 => "; renew the credentials in the kubeconfig",
        403 => "; apply rootfs/kubernetes/rbac.yaml to the cluster",
        _ => "",
    };
}
