using ACCOffload.Fuzz.Engine;
using ACCOffload.InfraManager.Api;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Fuzz.Rpc;

/// <summary>What the sessions of both APIs share: the real service's parts, and how a request is called and judged.</summary>
internal abstract class RpcSession : FuzzSession
{
    private IMessage? _request;
    private string _bytes = "";

    /// <param name="wire">Whether messages come as damaged bytes; else whole, with odd contents.</param>
    protected RpcSession(bool wire)
    {
        Wire = wire;
        World = new World(Core.Model);
    }

    protected bool Wire { get; }

    protected JudgedCore Core { get; } = new();

    protected World World { get; }

    protected FakeCall Call { get; } = new();

    protected static RpcGuard Guard { get; } = new("node-1", new RefusalLog(TimeProvider.System, NullLogger.Instance), NullLogger.Instance);

    public override string Describe() => $"{_request?.Descriptor.Name}: {_request} {_bytes}";

    /// <summary>One message as the server gets it; null if it gets none.</summary>
    protected T? Make<T>(Dice dice, MessageParser<T> parser, Func<T> message)
        where T : class, IMessage<T>
    {
        if (!Wire)
        {
            return message();
        }

        var bytes = message().ToByteArray();
        return Received(parser, dice.OneIn(4) ? bytes : ProtoMutator.Mutate(dice, bytes, message().ToByteArray()));
    }

    /// <summary>The message that the wire's bytes are, null if they are none: what the server answers INTERNAL for before any service sees it.</summary>
    private T? Received<T>(MessageParser<T> parser, byte[] bytes)
        where T : class, IMessage<T>
    {
        _request = null;
        _bytes = Convert.ToHexString(bytes);
        try
        {
            return parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <summary>Null if the service refused.</summary>
    protected TReply? Ask<TRequest, TReply>(Func<TRequest, ServerCallContext, Task<TReply>> method, TRequest request)
        where TRequest : IMessage
        where TReply : class
    {
        _request = request;
        try
        {
            var reply = method(request, Call);
            FuzzFailure.Unless(reply.IsCompleted, "the service waits for something");
            return reply.GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            FuzzFailure.Unless(
                e.StatusCode is StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.FailedPrecondition, $"refused with {e.StatusCode}: {e.Status.Detail}");
            OneLine(e.Status.Detail);
            FuzzFailure.Unless(e.StatusCode != StatusCode.InvalidArgument || e.Status.Detail.Contains(':', StringComparison.Ordinal), $"names no field: {e.Status.Detail}");
            return null;
        }
    }

    protected static void OneLine(string text) =>
        FuzzFailure.Unless(text.Length is > 0 and < 4096 && !text.Any(char.IsControl), $"not one line: {text}");
}
