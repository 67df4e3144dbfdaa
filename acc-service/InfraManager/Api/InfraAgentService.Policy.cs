using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// Network policy, which a 24.01 agent forwards from Felix and which this release does not implement. After a failed call the agent closes
/// Felix's connection and never accepts another one. So these methods succeed without effect, as in a 24.01 manager with policy turned off,
/// and log a warning once per method.
/// </summary>
internal sealed partial class InfraAgentService
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, byte> _loggedMethods = new(StringComparer.Ordinal);
    private long _ignored;
    private DateTimeOffset _firstIgnored;

    /// <summary>A notice for the operator; empty while no policy message has arrived.</summary>
    public string PolicyNotice => Interlocked.Read(ref _ignored) is var count and > 0
        ? $"network policy is not enforced: {count} policy messages from the agent have had no effect since {_firstIgnored:u}"
        : "";

    public override Task<Reply> ActivePolicyUpdate(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> ActivePolicyRemove(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateIPSet(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateIPSetDelta(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveIPSet(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateActiveProfile(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveActiveProfile(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateHostEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveHostEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateLocalEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveLocalEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateHostMetaData(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveHostMetaData(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateServiceAccount(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveServiceAccount(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateNamespace(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveNamespace(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateRoute(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveRoute(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> UpdateVXLANTunnelEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    public override Task<Reply> RemoveVXLANTunnelEndpoint(FelixMessage request, ServerCallContext context) => IgnoreAsync(context);

    private Task<Reply> IgnoreAsync(ServerCallContext context)
    {
        guard.RequireNode(context);
        lock (_loggedMethods)
        {
            if (_ignored == 0)
            {
                _firstIgnored = time.GetUtcNow();
            }

            Interlocked.Increment(ref _ignored);
        }
        if (_loggedMethods.TryAdd(context.Method, 0))
        {
            LogIgnored(context.Method);
        }

        return Task.FromResult(new Reply { Successful = true });
    }

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "{Method} has no effect: network policy is not enforced")]
    private partial void LogIgnored(string method);
}
