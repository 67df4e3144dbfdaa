using ACCOffload.Fuzz.Tests.Engine;
using ACCOffload.InfraManager.Api;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.Fuzz.Tests.Rpc;

/// <summary>Base of the sessions of both APIs: the service's parts, and how a request is sent and checked.</summary>
internal abstract class RpcSession : FuzzSession
{
    private IMessage? _request;
    private string _bytes = "";

    /// <param name="wire">Whether messages are corrupted bytes; otherwise well-formed with unusual contents.</param>
    protected RpcSession(bool wire)
    {
        Wire = wire;
        ExpectedModel = new ExpectedModel(Core.Model);
    }

    protected bool Wire { get; }

    protected AdmissionCore Core { get; } = new();

    protected ExpectedModel ExpectedModel { get; }

    protected FakeCall Call { get; } = new();

    protected static RpcGuard Guard { get; } = new("node-1", new RefusalLog(TimeProvider.System, NullLogger.Instance), NullLogger.Instance);

    public override string Describe() => $"{_request?.Descriptor.Name}: {_request} {_bytes}";

    /// <summary>A message as received by the server; null if it cannot be parsed.</summary>
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

    /// <summary>Parses the bytes; null if they are invalid, which the server answers with INTERNAL before any service is called.</summary>
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

    /// <summary>Calls the service; null if it rejected the request.</summary>
    protected TReply? Ask<TRequest, TReply>(Func<TRequest, ServerCallContext, Task<TReply>> method, TRequest request)
        where TRequest : IMessage
        where TReply : class
    {
        _request = request;
        try
        {
            var reply = method(request, Call);
            FuzzFailure.Unless(reply.IsCompleted, "the service did not complete synchronously");
            return reply.GetAwaiter().GetResult();
        }
        catch (RpcException e)
        {
            FuzzFailure.Unless(
                e.StatusCode is StatusCode.InvalidArgument or StatusCode.AlreadyExists
                    or StatusCode.FailedPrecondition, $"rejected with {e.StatusCode}: {e.Status.Detail}");
            OneLine(e.Status.Detail);
            FuzzFailure.Unless(e.StatusCode != StatusCode.InvalidArgument
                || e.Status.Detail.Contains(':', StringComparison.Ordinal), $"the error names no field: {e.Status.Detail}");
            return null;
        }
    }

    protected static void OneLine(string text) =>
        FuzzFailure.Unless(text.Length is > 0 and < 4096 && !text.Any(char.IsControl), $"not one line: {text}");
}
