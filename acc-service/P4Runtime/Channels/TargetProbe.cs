using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>Queries a target without a session and without arbitration.</summary>
public static class TargetProbe
{
    internal const string QueryingPipeline = "querying the pipeline";

    private const int MaxHeaderBytes = 64 << 10;

    /// <summary>The cookie of the target's pipeline; 0 if the pipeline has no cookie; null if the target has no pipeline.</summary>
    /// <param name="endpoint">The P4Runtime server.</param>
    /// <param name="deviceId">The device, not 0.</param>
    /// <param name="limit">Limit for connecting and for the answer, each.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="P4RuntimeException">
    /// The target is unreachable, refuses us, or has no such device; the message is a single line.
    /// </exception>
    public static async Task<ulong?> GetCookieAsync(
        TargetEndpoint endpoint, ulong deviceId, TimeSpan limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        endpoint.Validate();
        using var channel = new TargetChannel(endpoint, new CertificateCache(endpoint), limit, MaxHeaderBytes);
        var options = new CallOptions(deadline: DateTime.UtcNow + limit + limit, cancellationToken: cancellationToken);
        return await GetCookieAsync(new P4.V1.P4Runtime.P4RuntimeClient(channel.Invoker), deviceId, options, cancellationToken);
    }

    internal static async Task<ulong?> GetCookieAsync(
        P4.V1.P4Runtime.P4RuntimeClient client, ulong deviceId, CallOptions options, CancellationToken cancellationToken)
    {
        try
        {
            var request = new GetForwardingPipelineConfigRequest
            {
                DeviceId = deviceId,
                ResponseType = GetForwardingPipelineConfigRequest.Types.ResponseType.CookieOnly,
            };
            var reply = await client.GetForwardingPipelineConfigAsync(request, options);
            return reply.Config is { } config ? config.Cookie?.Cookie_ ?? 0 : null;
        }
        catch (RpcException e) when (
            e.StatusCode is StatusCode.FailedPrecondition or StatusCode.NotFound && e.Status.DebugException is null)
        {
            // The answer of a target without a pipeline, by the specification.
            return null;
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(QueryingPipeline, e);
        }
    }
}
