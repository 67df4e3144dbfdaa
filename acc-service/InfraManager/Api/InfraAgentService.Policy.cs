using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// What this release doesn't do: network policy, which a 24.01 agent passes on from Felix. On the first failed call, and Felix sends all it knows as soon
/// as the agent is up, the agent closes Felix's connection and never accepts another one. So these answer as a 24.01 manager does that has policy
/// turned off: success, nothing done; and the log says so, once for each method.
/// </summary>
internal sealed partial class InfraAgentService
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte> _told = new(StringComparer.Ordinal);
    private long _ignored;
    private DateTimeOffset _firstIgnored;

    /// <summary>What an operator should know of policy; empty while nobody asked for any.</summary>
    public string PolicyNotice => Interlocked.Read(ref _ignored) is var count and > 0
        ? $"network policy is not enforced: {count} policy messages of the agent were accepted without effect since {_firstIgnored:u}"
        : "";

    public override Task<Reply> ActivePolicyUpdate(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> ActivePolicyRemove(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateIPSet(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateIPSetDelta(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveIPSet(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateActiveProfile(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveActiveProfile(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateHostEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveHostEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateLocalEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveLocalEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateHostMetaData(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveHostMetaData(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateServiceAccount(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveServiceAccount(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateNamespace(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveNamespace(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateRoute(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveRoute(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> UpdateVXLANTunnelEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    public override Task<Reply> RemoveVXLANTunnelEndpoint(FelixMessage request, ServerCallContext context) => Ignore(context);

    private Task<Reply> Ignore(ServerCallContext context)
    {
        guard.RequireNode(context);
        lock (_told)
        {
            if (_ignored == 0)
            {
                _firstIgnored = time.GetUtcNow();
            }

            Interlocked.Increment(ref _ignored);
        }
        if (_told.TryAdd(context.Method, 0))
        {
            LogIgnored(context.Method);
        }

        return Task.FromResult(new Reply { Successful = true });
    }

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "{Method} was answered as by a 24.01 manager with policy off: nothing was done, network policy is not enforced")]
    private partial void LogIgnored(string method);
}
