using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace ACCOffload.Connections;

/// <summary>Tracks requests on their connections, and logs those that were refused before a service saw them.</summary>
internal sealed class RequestTracking(RefusalLog refusals)
{
    private const string StatusHeader = "grpc-status";

    public async Task RunAsync(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<TrackedConnection>() is not { } connection)
        {
            await next(context);
            return;
        }
        var request = connection.Begin(context);
        try
        {
            await next(context);
        }
        finally
        {
            connection.End(request);
        }
        if (!request.Arrived && !request.Aborted)
        {
            LogUnread(context, connection, request);
        }
    }

    /// <summary>The request was malformed, too large, for an unknown method, or not permitted.</summary>
    private void LogUnread(HttpContext context, TrackedConnection connection, IncomingRequest request)
    {
        var headers = context.Response.Headers;
        if (headers[StatusHeader].ToString() is not { Length: > 0 } status || status == "0")
        {
            return;
        }

        var code = int.TryParse(status, out var number) ? ((StatusCode)number).ToString() : status;
        refusals.Refused(
            connection.Peer, connection.Who, RefusalReason.UndispatchedRequest,
            $"{request.Path}: {code}: {Uri.UnescapeDataString(headers["grpc-message"].ToString())}");
    }
}
