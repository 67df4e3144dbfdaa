using System.Threading.Channels;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.P4Runtime.Tests.Support;

internal sealed class TestP4Service(TargetBehaviour behaviour) : P4.V1.P4Runtime.P4RuntimeBase
{
    public override async Task<WriteResponse> Write(WriteRequest request, ServerCallContext context)
    {
        behaviour.Writes.Enqueue(request);
        if (behaviour.OnWrite is { } custom)
        {
            await custom(request, context);
        }

        return new WriteResponse();
    }

    public override async Task Read(ReadRequest request, IServerStreamWriter<ReadResponse> responseStream, ServerCallContext context)
    {
        behaviour.Reads.Enqueue(request);
        if (behaviour.OnRead is { } custom)
        {
            await custom(request, responseStream, context);
        }
    }

    public override Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext context) =>
        Task.FromResult(new CapabilitiesResponse { P4RuntimeApiVersion = "1.5.0" });

    public override Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(
        GetForwardingPipelineConfigRequest request, ServerCallContext context)
    {
        var loaded = behaviour.Loaded ?? throw new RpcException(new Status(StatusCode.FailedPrecondition, "no pipeline is loaded"));
        var asksForInfo = request.ResponseType == GetForwardingPipelineConfigRequest.Types.ResponseType.P4InfoAndCookie;
        return Task.FromResult(new GetForwardingPipelineConfigResponse
        {
            Config = new ForwardingPipelineConfig { Cookie = loaded.Cookie, P4Info = asksForInfo ? loaded.P4Info : null },
        });
    }

    public override async Task<SetForwardingPipelineConfigResponse> SetForwardingPipelineConfig(
        SetForwardingPipelineConfigRequest request, ServerCallContext context)
    {
        behaviour.Pushes.Enqueue(request);
        if (behaviour.OnPush is { } custom)
        {
            await custom(request);
        }

        behaviour.Loaded = request.Config;
        return new SetForwardingPipelineConfigResponse();
    }

    public override async Task StreamChannel(IAsyncStreamReader<StreamMessageRequest> requestStream,
        IServerStreamWriter<StreamMessageResponse> responseStream, ServerCallContext context)
    {
        if (context.GetHttpContext().Connection.ClientCertificate is { } certificate)
        {
            behaviour.ClientThumbprints.Enqueue(certificate.Thumbprint);
        }

        var outbox = System.Threading.Channels.Channel.CreateUnbounded<StreamMessageResponse>();
        var controller = new TargetBehaviour.Controller(m => outbox.Writer.TryWrite(m));
        behaviour.Join(controller);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, controller.End.Token);
        var sending = SendAllAsync(outbox.Reader, responseStream, end.Token);
        try
        {
            while (await requestStream.MoveNext(end.Token))
            {
                var message = requestStream.Current;
                if (message.Arbitration is { } bid)
                {
                    behaviour.Bid(controller, bid);
                }
                else if (message.Packet is { } packet)
                {
                    behaviour.PacketsOut.Enqueue(packet);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Hung up, by us or by the client.
        }
        finally
        {
            behaviour.Leave(controller);
            await end.CancelAsync();
            await sending;
        }
    }

    private static async Task SendAllAsync(
        ChannelReader<StreamMessageResponse> outbox, IServerStreamWriter<StreamMessageResponse> stream, CancellationToken end)
    {
        try
        {
            await foreach (var message in outbox.ReadAllAsync(end))
            {
                await stream.WriteAsync(message, end);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or InvalidOperationException or IOException)
        {
            // The stream ended.
        }
    }
}
