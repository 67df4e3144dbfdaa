using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.State;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>The outer edge of every RPC: who calls, and what becomes of an exception.</summary>
internal sealed partial class RpcGuard(string node, RefusalLog refusals, ILogger logger)
{
    private readonly ILogger _logger = logger;
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte> _failed = new(StringComparer.Ordinal);

    /// <summary>The caller's node, which is this one.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED: its certificate is another node's.</exception>
    public string RequireNode(ServerCallContext context)
    {
        var identity = context.GetHttpContext().Features.Get<ClientIdentity>()
            ?? throw new RpcException(new Status(StatusCode.Unauthenticated, "no client certificate"));
        if (identity.Node == node)
        {
            return node;
        }

        refusals.Refused(PeerName.Of(context.GetHttpContext().Connection.RemoteIpAddress), identity.Subject, RefusalReason.Node, $"it is of node {identity.Node} and may not change this one's endpoints");
        throw new RpcException(new Status(StatusCode.PermissionDenied, $"the certificate is of node {identity.Node}; this ACC serves node {node} only"));
    }

    /// <summary>Runs a call; what is no <see cref="RpcException"/> becomes one with a code and one line.</summary>
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
            throw new RpcException(new Status(StatusCode.Cancelled, "the caller gave up"));
        }
        catch (Exception e) when (e is not RpcException)
        {
            Failed(context, e);
            throw new RpcException(new Status(StatusCode.Internal, "internal error; the log of inframanager tells more"));
        }
    }

    /// <summary>Tells of a refused request, bounded by peer.</summary>
    public void LogRefused(ServerCallContext context, IntentException refusal) =>
        refusals.Refused(PeerOf(context), WhoOf(context), RefusalReason.Request, $"{context.Method}: {refusal.Code}: {refusal.Message}");

    /// <summary>Our own fault: with its stack trace, which the same one again does not get.</summary>
    private void Failed(ServerCallContext context, Exception exception)
    {
        if (_failed.TryAdd($"{context.Method} {exception.GetType()}", 0))
        {
            LogFailed(exception, context.Method);
        }
        else
        {
            refusals.Refused(PeerOf(context), WhoOf(context), RefusalReason.Failure, $"{context.Method} failed: {exception.Message}");
        }
    }

    // A unix socket's peers are root.
    private static string PeerOf(ServerCallContext context) => context.GetHttpContext().Connection.RemoteIpAddress is { } address ? PeerName.Of(address) : "local";

    private static string WhoOf(ServerCallContext context) => context.GetHttpContext().Features.Get<ClientIdentity>()?.Subject ?? "";

    [LoggerMessage(EventId = 3003, Level = LogLevel.Error, Message = "{Method} failed")]
    private partial void LogFailed(Exception exception, string method);
}
