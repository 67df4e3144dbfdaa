using ACCOffload.InfraManager.Api;
using ACCOffload.InfraManager.Security;
using Grpc.Core;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>
/// Checks every request before it reaches a service: a listener serves its own services only, and the mutual TLS listener only while the
/// client's certificate is valid. Anything unknown is refused.
/// </summary>
internal sealed class RequestGate(PeerConnections connections, string node) : IDisposable
{
    private const string Sync = "/accoffload.v1.Offload/Sync";
    private static readonly TimeSpan TurnTimeout = TimeSpan.FromSeconds(5);

    // Only a Sync and a policy message can be megabytes long. One of each at a time for this node, and one for all others, limits their
    // memory. An agent sends policy messages one by one, too.
    private readonly SemaphoreSlim _own = new(1);
    private readonly SemaphoreSlim _ownPolicy = new(1);
    private readonly SemaphoreSlim _others = new(1);

    private const string Health = "/grpc.health.v1.Health/";
    private const string Offload = "/accoffload.v1.Offload/";
    private const string InfraAgent = "/infra.InfraAgent/";
    private const string Control = "/accoffload.v1.Control/";

    public Task RunAsync(HttpContext context, RequestDelegate next)
    {
        var path = context.Request.Path.Value ?? "";
        switch (context.Features.Get<Listener>()?.Kind)
        {
            case ListenerKind.Api:
                if (context.Features.Get<PeerConnection>() is not { } peer || connections.Admit(peer) is not { } identity)
                {
                    return Refuse(context, StatusCode.Unauthenticated, "the client certificate is not valid");
                }

                context.Features.Set(identity);
                var isPolicy = AgentPolicyMethods.Has(path);
                if (isPolicy || path == Sync)
                {
                    return OneByOneAsync(context, next, identity.Node != node ? _others : isPolicy ? _ownPolicy : _own);
                }

                return Serve(context, next, IsOf(path, Offload) || IsOf(path, InfraAgent) || IsOf(path, Health));
            case ListenerKind.Health:
                return Serve(context, next, IsOf(path, Health));
            case ListenerKind.Control:
                return Serve(context, next, IsOf(path, Control));
            default:
                return Refuse(context, StatusCode.Unauthenticated, "unknown listener");
        }
    }

    public void Dispose()
    {
        _own.Dispose();
        _ownPolicy.Dispose();
        _others.Dispose();
    }

    private static async Task OneByOneAsync(HttpContext context, RequestDelegate next, SemaphoreSlim turn)
    {
        if (!await turn.WaitAsync(TurnTimeout, context.RequestAborted))
        {
            await Refuse(
                context, StatusCode.ResourceExhausted,
                $"other requests of this kind have been running for {TurnTimeout.TotalSeconds:0} s; try again later");
            return;
        }
        try
        {
            await next(context);
        }
        finally
        {
            turn.Release();
        }
    }

    private static bool IsOf(string path, string service) => path.StartsWith(service, StringComparison.Ordinal);

    private static Task Serve(HttpContext context, RequestDelegate next, bool offered) =>
        offered ? next(context) : Refuse(context, StatusCode.Unimplemented, "unknown service");

    /// <summary>Replies with a gRPC status only.</summary>
    private static Task Refuse(HttpContext context, StatusCode code, string message)
    {
        context.Response.ContentType = "application/grpc";
        context.Response.Headers["grpc-status"] = ((int)code).ToString(System.Globalization.CultureInfo.InvariantCulture);
        context.Response.Headers["grpc-message"] = Uri.EscapeDataString(message);
        return Task.CompletedTask;
    }
}
