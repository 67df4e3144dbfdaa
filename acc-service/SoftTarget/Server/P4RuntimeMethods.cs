using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.SoftTarget.Server;

/// <summary>
/// Binds the P4Runtime methods by hand: a Write is decoded, and a Read encoded, straight between the wire and the
/// engine's packed entries, where the generated binding would build an object for every entry, field and value.
/// </summary>
internal sealed class P4RuntimeMethods : IServiceMethodProvider<P4RuntimeEndpoint>
{
    private const string Service = "p4.v1.P4Runtime";

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<P4RuntimeEndpoint> context)
    {
        context.AddUnaryMethod(
            new Method<WriteFrame, WriteResponse>(
                MethodType.Unary, Service, "Write", Marshallers.Create(NoRequest, WriteFrame.FromPayload), Of(WriteResponse.Parser)),
            [],
            (service, request, call) => service.Write(request, call));
        context.AddServerStreamingMethod(
            new Method<ReadRequest, ReadChunk>(
                MethodType.ServerStreaming, Service, "Read", Of(ReadRequest.Parser), Marshallers.Create(ReadChunk.Serialize, NoResponse)),
            [],
            (service, request, stream, call) => service.Read(request, stream, call));
        context.AddUnaryMethod(
            Unary("SetForwardingPipelineConfig", SetForwardingPipelineConfigRequest.Parser, SetForwardingPipelineConfigResponse.Parser),
            [],
            (service, request, call) => service.SetForwardingPipelineConfig(request, call));
        context.AddUnaryMethod(
            Unary("GetForwardingPipelineConfig", GetForwardingPipelineConfigRequest.Parser, GetForwardingPipelineConfigResponse.Parser),
            [],
            (service, request, call) => service.GetForwardingPipelineConfig(request, call));
        context.AddDuplexStreamingMethod(
            new Method<StreamMessageRequest, StreamMessageResponse>(
                MethodType.DuplexStreaming, Service, "StreamChannel", Of(StreamMessageRequest.Parser), Of(StreamMessageResponse.Parser)),
            [],
            (service, requests, responses, call) => service.StreamChannel(requests, responses, call));
        context.AddUnaryMethod(
            Unary("Capabilities", CapabilitiesRequest.Parser, CapabilitiesResponse.Parser),
            [],
            (service, request, call) => service.Capabilities(request, call));
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
