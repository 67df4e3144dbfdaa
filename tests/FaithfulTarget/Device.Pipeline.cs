using System.Numerics;
using System.Text.Json;
using ACCOffload.Protos.Tdi;
using Google.Protobuf;
using P4.V1;
using ResponseType = P4.V1.GetForwardingPipelineConfigRequest.Types.ResponseType;

namespace ACCOffload.FaithfulTarget;

/// <content>Pushes and reads the pipeline.</content>
internal sealed partial class Device
{
    /// <exception cref="TargetCrashException">The push crashes the process.</exception>
    public void Push(SetForwardingPipelineConfigRequest request)
    {
        lock (_gate)
        {
            if (_pipeline is not null && Behaviours.RefusesSecondPush)
            {
                _isPoisoned = true;
                throw Outcome.Internal("'bf_pal_device_add(dev_id, &device_profile)' failed with error message: Unexpected error.")
                    .ToException();
            }

            var config = request.Config ?? new ForwardingPipelineConfig();
            var context = ReadContext(config.P4DeviceConfig);
            var ports = _ports.Created.Count;
            if (Behaviours.NeedsPowerOfTwoPorts && !BitOperations.IsPow2(ports))
            {
                throw Outcome.Internal("Pipeline build failed").ToException();
            }

            _pipeline = new LoadedPipeline(config, context);
            _profiles = new ProfileStore(_pipeline, Behaviours);
            _rows = new RowStore(_pipeline, _profiles, Behaviours);
            _cells = new CellStore(_pipeline, Behaviours);
        }
    }

    public GetForwardingPipelineConfigResponse GetPipeline(ResponseType type)
    {
        lock (_gate)
        {
            if (_pipeline is null)
            {
                return Behaviours.RefusesGetWithoutPipeline ? throw NoPipeline() : new GetForwardingPipelineConfigResponse();
            }

            var config = _pipeline.Config;
            return new GetForwardingPipelineConfigResponse
            {
                Config = new ForwardingPipelineConfig
                {
                    Cookie = config.Cookie,
                    P4Info = type is ResponseType.All or ResponseType.P4InfoAndCookie ? config.P4Info : null,
                    P4DeviceConfig = type is ResponseType.All or ResponseType.DeviceConfigAndCookie
                        ? config.P4DeviceConfig
                        : ByteString.Empty,
                },
            };
        }
    }

    private ContextFacts ReadContext(ByteString deviceConfig)
    {
        ContextFacts context;
        try
        {
            var config = PipelineConfig.Parser.ParseFrom(deviceConfig);
            if (config.P4Name.Length == 0 || config.BfruntimeInfo.IsEmpty || config.Profiles.Count == 0
                || config.Profiles[0].Binary.IsEmpty)
            {
                throw new InvalidDataException("the name, the bf-rt.json, the profile or its binary is missing");
            }

            context = ContextFacts.Read(config.Profiles[0].Context.Memory);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException or JsonException)
        {
            return Behaviours.ParsesDeviceConfig
                ? throw Outcome.Invalid($"invalid device config: {e.Message}").ToException()
                : ContextFacts.None();
        }

        // infrap4d parses the architecture from what follows and dereferences a null pointer if nothing does.
        var words = context.CompileCommand.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var arch = Array.IndexOf(words, "--arch");
        if (Behaviours.CrashesOnBlankCompileCommand && (arch < 0 || arch == words.Length - 1))
        {
            throw new TargetCrashException($"SIGSEGV in pipe_mgr_ctx_json.c: compile_command '{context.CompileCommand}' has no --arch");
        }

        return context;
    }
}
