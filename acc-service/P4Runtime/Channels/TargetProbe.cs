using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Channels;

/// <summary>Looks at a target from outside: without a session, and without taking part in who is primary.</summary>
public static class TargetProbe
{
    internal const string AskingForPipeline = "asking for the pipeline";

    private const int MaxHeaderBytes = 64 << 10;

    /// <summary>The cookie of the pipeline that the target runs; 0 of one without a cookie; null where it runs none.</summary>
    /// <param name="endpoint">The P4Runtime server.</param>
    /// <param name="deviceId">The device, not 0.</param>
    /// <param name="limit">Limit of connecting and of the answer, each.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="P4RuntimeException">It is not reached, refuses us, or has no such device; the message is one line for people.</exception>
    public static async Task<ulong?> GetCookieAsync(TargetEndpoint endpoint, ulong deviceId, TimeSpan limit, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        endpoint.Validate();
        using var channel = new TargetChannel(endpoint, new CertificateMemory(endpoint), limit, MaxHeaderBytes);
        var options = new CallOptions(deadline: DateTime.UtcNow + limit + limit, cancellationToken: cancellationToken);
        return await GetCookieAsync(new P4.V1.P4Runtime.P4RuntimeClient(channel.Invoker), deviceId, options, cancellationToken);
    }

    internal static async Task<ulong?> GetCookieAsync(P4.V1.P4Runtime.P4RuntimeClient client, ulong deviceId, CallOptions options, CancellationToken cancellationToken)
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
        catch (RpcException e) when (e.StatusCode is StatusCode.FailedPrecondition or StatusCode.NotFound && e.Status.DebugException is null)
        {
            // What the specification has a target without a pipeline say.
            return null;
        }
        catch (RpcException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw RpcFault.ToException(AskingForPipeline, e);
        }
    }
}
