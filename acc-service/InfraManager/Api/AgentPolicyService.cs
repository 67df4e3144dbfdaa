using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;
using ACCOffload.Protos.Infra;
using Grpc.Core;

namespace ACCOffload.InfraManager.Api;

/// <summary>
/// The policy methods of infra.InfraAgent. After a call that fails, an agent closes Felix's connection and accepts no other one until it is
/// restarted; it reads the status only, not <c>successful</c>. So a call succeeds unless its message was not taken.
/// Requests are bytes: Felix's messages, which the reader of Felix's stream reads.
/// </summary>
/// <param name="takes">Whether policy comes from the agent; otherwise its messages have no effect.</param>
/// <param name="guard">Authorizes callers.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Logs methods whose messages have no effect, once each.</param>
internal sealed partial class AgentPolicyService(bool takes, RpcGuard guard, TimeProvider time, ILogger logger)
{
    private static readonly Marshaller<byte[]> Request = Marshallers.Create<byte[]>(
        (bytes, context) => context.Complete(bytes), context => context.PayloadAsNewBuffer());

    private static readonly Marshaller<Reply> Response = Marshallers.Create(
        (reply, context) => context.Complete(Google.Protobuf.MessageExtensions.ToByteArray(reply)),
        context => Reply.Parser.ParseFrom(context.PayloadAsReadOnlySequence()));

    private readonly Lock _lock = new();
    private readonly HashSet<string> _logged = new(StringComparer.Ordinal);
    private long _ignored;
    private DateTimeOffset _firstIgnored;

    /// <summary>A notice for the operator; empty while every policy message has an effect.</summary>
    public string Notice
    {
        get
        {
            lock (_lock)
            {
                var count = $"{_ignored} policy messages from the agent have had no effect since {_firstIgnored:u}";
                return _ignored == 0 ? ""
                    : takes ? $"{count}: it started before inframanager; restart the agent"
                    : $"network policy is not enforced: {count}";
            }
        }
    }

    /// <summary>Binds the methods.</summary>
    public static void Bind(ServiceBinderBase binder, AgentPolicyService service)
    {
        foreach (var (name, field) in AgentPolicyMethods.Fields)
        {
            binder.AddMethod(
                new Method<byte[], Reply>(MethodType.Unary, AgentPolicyMethods.Service, name, Request, Response),
                (request, context) => service.TakeAsync(field, request, context));
        }
    }

    private Task<Reply> TakeAsync(int field, byte[] request, ServerCallContext context) => guard.RunAsync(context, async () =>
    {
        guard.RequireNode(context);
        var call = takes ? AgentPolicyCall.Of(context.GetHttpContext()) : null;
        if (call?.Session is { } session)
        {
            await TakeAsync(session, field, request, context);
        }
        else
        {
            Ignore(context.Method);
        }

        call?.Take();
        return new Reply { Successful = true };
    });

    private static async Task TakeAsync(AgentSession session, int field, byte[] request, ServerCallContext context)
    {
        try
        {
            await session.TakeAsync(field, request, context.CancellationToken);
        }
        catch (FelixStreamException e)
        {
            throw new RpcException(new Status(StatusCode.Aborted, e.Message));
        }
    }

    private void Ignore(string method)
    {
        lock (_lock)
        {
            if (_ignored++ == 0)
            {
                _firstIgnored = time.GetUtcNow();
            }

            if (!_logged.Add(method))
            {
                return;
            }
        }

        if (takes)
        {
            LogUnknownAgent(method);
        }
        else
        {
            LogIgnored(method);
        }
    }

    [LoggerMessage(EventId = 3012, Level = LogLevel.Warning, Message = "{Method} has no effect: network policy is not enforced")]
    private partial void LogIgnored(string method);

    [LoggerMessage(EventId = 3014, Level = LogLevel.Warning,
        Message = "{Method} has no effect: the agent started before inframanager, so its policy is not whole; restart the agent")]
    private partial void LogUnknownAgent(string method);
}
