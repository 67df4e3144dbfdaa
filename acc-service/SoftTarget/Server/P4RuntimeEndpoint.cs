using ACCOffload.SoftTarget.Server.State;
using ACCOffload.SoftTarget.Server.Wire;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using P4.V1;
using ResponseType = P4.V1.GetForwardingPipelineConfigRequest.Types.ResponseType;

namespace ACCOffload.SoftTarget.Server;

/// <summary>The service p4.v1.P4Runtime, version 1.5.</summary>
internal sealed partial class P4RuntimeEndpoint(
    SoftDevice device, PacketGateway packets, ServerShutdown shutdown, ILogger logger)
{
    private const string ApiVersion = "1.5.0";

    private static readonly WriteResponse Done = new();

    public Task<WriteResponse> Write(WriteFrame frame, ServerCallContext call)
    {
        using (frame)
        {
            var failures = device.Write(frame);
            if (failures is not null)
            {
                throw StatusDetails.ToException(failures, "updates");
            }

            return Task.FromResult(Done);
        }
    }

    public async Task Read(ReadRequest request, IServerStreamWriter<ReadChunk> stream, ServerCallContext call)
    {
        using var batch = device.Read(request);
        using var chunk = new ReadChunk();
        foreach (var section in batch.Sections)
        {
            while (chunk.Fill(section))
            {
                await stream.WriteAsync(chunk, call.CancellationToken);
                chunk.Clear();
            }
        }

        if (!chunk.IsEmpty)
        {
            await stream.WriteAsync(chunk, call.CancellationToken);
        }

        if (batch.Failures is { } failures)
        {
            throw StatusDetails.ToException(failures, "requests");
        }
    }

    public Task<SetForwardingPipelineConfigResponse> SetForwardingPipelineConfig(
        SetForwardingPipelineConfigRequest request, ServerCallContext call)
    {
        device.SetPipeline(request);
        return Task.FromResult(new SetForwardingPipelineConfigResponse());
    }

    public Task<GetForwardingPipelineConfigResponse> GetForwardingPipelineConfig(
        GetForwardingPipelineConfigRequest request, ServerCallContext call)
    {
        var response = new GetForwardingPipelineConfigResponse();
        if (device.GetPipeline(request.DeviceId) is { } config)
        {
            response.Config = new ForwardingPipelineConfig { Cookie = config.Cookie };
            if (request.ResponseType is ResponseType.All or ResponseType.P4InfoAndCookie)
            {
                response.Config.P4Info = config.P4Info;
            }

            if (request.ResponseType is ResponseType.All or ResponseType.DeviceConfigAndCookie)
            {
                response.Config.P4DeviceConfig = config.P4DeviceConfig;
            }
        }

        return Task.FromResult(response);
    }

    public Task<CapabilitiesResponse> Capabilities(CapabilitiesRequest request, ServerCallContext call)
    {
        if (request.DeviceId != 0)
        {
            device.CheckDevice(request.DeviceId);
        }

        return Task.FromResult(new CapabilitiesResponse { P4RuntimeApiVersion = ApiVersion });
    }
}
