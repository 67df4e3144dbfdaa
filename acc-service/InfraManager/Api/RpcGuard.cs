using ACCOffload.InfraManager.Model;
using ACCOffload.InfraManager.Security;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>The outer edge of every RPC: who calls, and what becomes of an exception.</summary>
internal sealed partial class RpcGuard(string node, RefusalLog refusals, ILogger logger)
{
    private readonly ILogger _logger = logger;

    /// <summary>The caller's node, which is this one.</summary>
    /// <exception cref="RpcException">PERMISSION_DENIED: its certificate is another node's.</exception>
    public string RequireNode(ServerCallContext context)
    {
        var identity = context.GetHttpContext().Features.Get<ClientIdentity>()
            ?? throw new RpcException(new Status(StatusCode.Unauthenticated, "no client certificate"));
        if (identity.Node == node)
            return node;
        refusals.Refused(context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "unknown", identity.Subject, $"it is of node {identity.Node} and may not change this one's endpoints");
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
            LogRefused(context.Method, e.Code, e.Message);
            throw new RpcException(new Status((StatusCode)(int)e.Code, e.Message));
        }
        catch (OperationCanceledException) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.Cancelled, "the caller gave up"));
        }
        catch (Exception e) when (e is not RpcException)
        {
            LogFailed(e, context.Method);
            throw new RpcException(new Status(StatusCode.Internal, "internal error; the log of inframanager tells more"));
        }
    }

    [LoggerMessage(EventId = 3002, Level = LogLevel.Information, Message = "{Method} refused: {Code}: {Reason}")]
    private partial void LogRefused(string method, IntentError code, string reason);

    [LoggerMessage(EventId = 3003, Level = LogLevel.Error, Message = "{Method} failed")]
    private partial void LogFailed(Exception exception, string method);
}
