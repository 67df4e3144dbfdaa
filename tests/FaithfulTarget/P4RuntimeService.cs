using System.Threading.Channels;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.Faithful;

/// <summary>P4Runtime.</summary>
internal sealed class P4RuntimeService(Life life) : P4.V1.P4Runtime.P4RuntimeBase
{
    private const int EntitiesPerMessage = 1000;

    private FaithfulBehaviours Behaviours => life.Options.Behaviours;

    public override async Task<WriteResponse> Write(WriteRequest request, ServerCallContext context)
    {
        life.Arbiter.CheckPrimary(request.DeviceId, request.Role, request.ElectionId, "Write");
        life.Log.AddWrite();
        await life.Device.WriteAsync(request, life.Ended);
        return new WriteResponse();
    }

    public override async Task Read(ReadRequest request, IServerStreamWriter<ReadResponse> responseStream, ServerCallContext context)
    {
        life.Arbiter.CheckDevice(request.DeviceId);
        life.Log.AddRead();
        (var found, var outcomes) = life.Survive(() => life.Device.Read(request));
        life.Log.AddEntitiesRead(found.Count);
        foreach (var some in found.Chunk(EntitiesPerMessage))
        {
            await responseStream.WriteAsync(new ReadResponse { Entities = { some } }, context.CancellationToken);
        }

        if (outcomes.Any(o => !o.IsOk))
        {
            throw Outcome.Some("One or more read operations failed.", outcomes);
        }
    }

    public override Task<SetForwardingPipelineConfigResponse> SetForwardingPipelineConfig(
        SetForwardingPipelineConfigRequest request, ServerCallContext context)
    {
        life.Arbiter.CheckPrimary(request.DeviceId, request.Role, request.ElectionId, "SetForwardingPipelineConfig");
        if (request.Action != SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit)
        {
            throw new RpcException(new Status(StatusCode.Unimplemented, $"action {request.Action} is not supported"));
        }

        life.Log.AddPush();
        life.Survive(() =>
        {
            life.Device.Push(request);
            return true;
        });
        return Task.FromResult(new SetForwardingPipelineConfigResponse());
    }

    public override Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(
        GetForwardingPipelineConfigRequest request, ServerCallContext context)
    {
        life.Arbiter.CheckDevice(request.DeviceId);
        return Task.FromResult(life.Device.GetPipeline(request.ResponseType));
    }

    public override Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext context) =>
        Task.FromResult(new CapabilitiesResponse { P4RuntimeApiVersion = Behaviours.ReportsMacroNameAsVersion ? "P4RUNTIME_VER" : "1.3.0" });

    public override async Task StreamChannel(
        IAsyncStreamReader<StreamMessageRequest> requestStream, IServerStreamWriter<StreamMessageResponse> responseStream, ServerCallContext context)
    {
        var controller = new Controller();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, life.Ended);
        var sending = SendAsync(controller.Outbox, responseStream, end.Token);
        try
        {
            while (await requestStream.MoveNext(end.Token))
            {
                // Packets out go nowhere: nothing runs the pipeline.
                if (requestStream.Current.Arbitration is { } bid)
                {
                    life.Arbiter.Bid(controller, bid);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The controller is gone.
        }
        finally
        {
            life.Arbiter.Leave(controller);
            await sending;
        }
    }

    private static async Task SendAsync(
        ChannelReader<StreamMessageResponse> outbox, IServerStreamWriter<StreamMessageResponse> stream, CancellationToken end)
    {
        try
        {
            await foreach (var message in outbox.ReadAllAsync(end))
            {
                await stream.WriteAsync(message, end);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The stream has ended.
        }
    }
}
