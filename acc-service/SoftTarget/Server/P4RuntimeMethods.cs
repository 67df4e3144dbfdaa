using ACCOffload.SoftTarget.Server.State;
using ACCOffload.SoftTarget.Server.Wire;
using Google.Protobuf;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Binds the P4Runtime methods by hand: Writes are decoded and Reads encoded directly between the wire and the engine's packed entries. The
/// generated binding would create an object for every entry, field and value.
/// </summary>
internal static class P4RuntimeMethods
{
    private const string Service = "p4.v1.P4Runtime";

    public static void Bind(ServiceBinderBase binder, P4RuntimeEndpoint service)
    {
        binder.AddMethod(
            new Method<WriteFrame, WriteResponse>(
                MethodType.Unary, Service, "Write", Marshallers.Create(NoRequest, WriteFrame.FromPayload), Of(WriteResponse.Parser)),
            service.Write);
        binder.AddMethod(
            new Method<ReadRequest, ReadChunk>(
                MethodType.ServerStreaming, Service, "Read", Of(ReadRequest.Parser), Marshallers.Create(ReadChunk.Serialize, NoResponse)),
            service.Read);
        binder.AddMethod(
            Unary("SetForwardingPipelineConfig", SetForwardingPipelineConfigRequest.Parser, SetForwardingPipelineConfigResponse.Parser),
            service.SetForwardingPipelineConfig);
        binder.AddMethod(
            Unary("GetForwardingPipelineConfig", GetForwardingPipelineConfigRequest.Parser, GetForwardingPipelineConfigResponse.Parser),
            service.GetForwardingPipelineConfig);
        binder.AddMethod(
            new Method<StreamMessageRequest, StreamMessageResponse>(
                MethodType.DuplexStreaming, Service, "StreamChannel", Of(StreamMessageRequest.Parser), Of(StreamMessageResponse.Parser)),
            service.StreamChannel);
        binder.AddMethod(
            Unary("Capabilities", CapabilitiesRequest.Parser, CapabilitiesResponse.Parser),
            service.Capabilities);
    }

    private static Method<TRequest, TResponse> Unary<TRequest, TResponse>(
        string name, MessageParser<TRequest> request, MessageParser<TResponse> response)
        where TRequest : class, IBufferMessage, IMessage<TRequest>
        where TResponse : class, IBufferMessage, IMessage<TResponse>
        => new(MethodType.Unary, Service, name, Of(request), Of(response));

    private static Marshaller<T> Of<T>(MessageParser<T> parser)
        where T : class, IBufferMessage, IMessage<T>
        => Marshallers.Create<T>(
            (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));

    private static void NoRequest(WriteFrame frame, SerializationContext context) => throw new NotSupportedException();

    private static ReadChunk NoResponse(DeserializationContext context) => throw new NotSupportedException();
}
