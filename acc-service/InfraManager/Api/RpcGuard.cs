using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State.Values;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>Authorizes the callers of RPCs and converts exceptions to statuses.</summary>
internal sealed partial class RpcGuard(string node, RefusalLog refusals, ILogger logger)
{
    private readonly ILogger _logger = logger;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte> _failed = new(StringComparer.Ordinal);

    /// <summary>Requires the caller's certificate to be for this node, and returns the node's name.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED: the certificate is for another node.</exception>
    public string RequireNode(ServerCallContext context)
    {
        var identity = context.GetHttpContext().Features.Get<ClientIdentity>()
            ?? throw new RpcException(new Status(StatusCode.Unauthenticated, "no client certificate"));
        if (identity.Node == node)
        {
            return node;
        }

        var refusal = $"the certificate is for node {identity.Node}; this ACC serves only node {node}";
        refusals.Refused(
            PeerName.Of(context.GetHttpContext().Connection.RemoteIpAddress),
            identity.Subject,
            RefusalReason.Node,
            refusal);
        throw new RpcException(new Status(StatusCode.PermissionDenied, refusal));
    }

    /// <summary>Runs a call and converts every exception to an <see cref="RpcException"/> with a code and one line.</summary>
    public async Task<T> RunAsync<T>(ServerCallContext context, Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (IntentException e)
        {
            LogRefused(context, e);
            throw new RpcException(new Status((StatusCode)(int)e.Code, e.Message));
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "cancelled by the caller"));
        }
        catch (Exception e) when (e is not RpcException)
        {
            ReportFailure(context, e);
            throw new RpcException(new Status(StatusCode.Internal, "internal error; see the log of inframanager"));
        }
    }

    /// <summary>Logs a refused request, with a limit per peer.</summary>
    public void LogRefused(ServerCallContext context, IntentException refusal) =>
        refusals.Refused(
            PeerOf(context), SubjectOf(context), RefusalReason.Request, $"{context.Method}: {refusal.Code}: {refusal.Message}");

    /// <summary>Logs an internal error; the stack trace only the first time.</summary>
    private void ReportFailure(ServerCallContext context, Exception exception)
    {
        if (_failed.TryAdd($"{context.Method} {exception.GetType()}", 0))
        {
            LogFailed(exception, context.Method);
        }
        else
        {
            refusals.Refused(PeerOf(context), SubjectOf(context), RefusalReason.Failure, $"{context.Method}: {exception.Message}");
        }
    }

    // The peers of a unix socket have no address.
    private static string PeerOf(ServerCallContext context) =>
        context.GetHttpContext().Connection.RemoteIpAddress is { } address ? PeerName.Of(address) : "local";

    // The callers of the control socket have no certificate.
    private static string SubjectOf(ServerCallContext context)
    {
        var features = context.GetHttpContext().Features;
        return features.Get<ClientIdentity>()?.Subject ?? features.Get<TrackedConnection>()?.Who ?? "";
    }

    [LoggerMessage(EventId = 3003, Level = LogLevel.Error, Message = "{Method} failed")]
    private partial void LogFailed(Exception exception, string method);
}
