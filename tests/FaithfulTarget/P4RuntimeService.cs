using System.Threading.Channels;
using Grpc.Core;
using P4.V1;

namespace ACCOffload.FaithfulTarget;

/// <summary>The P4Runtime service.</summary>
internal sealed class P4RuntimeService(TargetProcess process) : P4.V1.P4Runtime.P4RuntimeBase
{
    private const int EntitiesPerMessage = 1000;

    private FaithfulBehaviours Behaviours => process.Options.Behaviours;

    public override async Task<WriteResponse> Write(WriteRequest request, ServerCallContext context)
    {
        process.Arbiter.CheckPrimary(request.DeviceId, request.Role, request.ElectionId, "Write");
        process.Log.AddWrite();
        await process.Device.WriteAsync(request, process.Ended);
        return new WriteResponse();
    }

    public override async Task Read(ReadRequest request, IServerStreamWriter<ReadResponse> responseStream, ServerCallContext context)
    {
        process.Arbiter.CheckDevice(request.DeviceId);
        process.Log.AddRead();
        (var found, var outcomes) = process.Survive(() => process.Device.Read(request));
        process.Log.AddEntitiesRead(found.Count);
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
        process.Arbiter.CheckPrimary(request.DeviceId, request.Role, request.ElectionId, "SetForwardingPipelineConfig");
        if (request.Action != SetForwardingPipelineConfigRequest.Types.Action.VerifyAndCommit)
        {
            throw new RpcException(new Status(StatusCode.Unimplemented, $"action {request.Action} is not supported"));
        }

        process.Log.AddPush();
        process.Survive(() =>
        {
            process.Device.Push(request);
            return true;
        });
        return Task.FromResult(new SetForwardingPipelineConfigResponse());
    }

    public override Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(
        GetForwardingPipelineConfigRequest request, ServerCallContext context)
    {
        process.Arbiter.CheckDevice(request.DeviceId);
        return Task.FromResult(process.Device.GetPipeline(request.ResponseType));
    }

    public override Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext context) =>
        Task.FromResult(new CapabilitiesResponse
        {
            P4RuntimeApiVersion = Behaviours.ReportsMacroNameAsVersion
            ? "P4RUNTIME_VER"
            : "1.3.0"
        });

    public override async Task StreamChannel(
        IAsyncStreamReader<StreamMessageRequest> requestStream, IServerStreamWriter<StreamMessageResponse> responseStream,
        ServerCallContext context)
    {
        var controller = new Controller();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, process.Ended);
        var sending = SendAsync(controller.Outbox, responseStream, end.Token);
        try
        {
            while (await requestStream.MoveNext(end.Token))
            {
                // Packet-outs are ignored: nothing runs the pipeline.
                if (requestStream.Current.Arbitration is { } bid)
                {
                    process.Arbiter.Bid(controller, bid);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The controller disconnected.
        }
        finally
        {
            process.Arbiter.Leave(controller);
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
