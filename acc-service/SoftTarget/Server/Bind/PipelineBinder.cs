using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using ACCOffload.Protos.Tdi;
using ACCOffload.SoftTarget.Engine;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;

namespace ACCOffload.SoftTarget.Server.Bind;

/// <summary>
/// Binds P4Info to the engine's program. Objects are found by the names that the compiler's context.json gives them in the .spec, or else
/// by names that the compiler derives (<see cref="SpecNames"/>); match fields by their positions in context.json, or else in the order of
/// P4Info; parameters by name, or else in order. Whatever does not fit in number or width is rejected with the name of the object: writing
/// entries to the wrong field would be worse.
/// </summary>
internal sealed partial class PipelineBinder
{
    private readonly P4Info _info;
    private readonly SwxProgram _program;
    private readonly SpecNames _names;
    private readonly Dictionary<uint, BoundAction> _actions = [];
    private readonly Dictionary<uint, BoundProfile> _profiles = [];
    private readonly Dictionary<uint, BoundTable> _tables = [];
    private readonly Dictionary<uint, BoundCounter> _counters = [];
    private readonly Dictionary<uint, BoundRegister> _registers = [];

    private PipelineBinder(P4Info info, SwxProgram program, SpecNames names)
    {
        _info = info;
        _program = program;
        _names = names;
    }

    /// <exception cref="PipelineException">The config is not supported; the message has the reason.</exception>
    public static BoundPipeline Bind(ForwardingPipelineConfig config)
    {
        if (config.P4Info is null)
        {
            throw new PipelineException("p4info is missing");
        }

        if (config.P4DeviceConfig.IsEmpty)
        {
            throw new PipelineException("p4_device_config is empty: expected a tdi.PipelineConfig with the .spec as its profile's binary");
        }

        var (spec, names) = ReadDeviceConfig(config.P4DeviceConfig);
        SwxProgram program;
        try
        {
            program = SwxProgram.Parse(spec);
        }
        catch (SpecException e)
        {
            throw new PipelineException($"p4_device_config: .spec: {e.Message}", e);
        }

        return new PipelineBinder(config.P4Info, program, names).Bind(config, program);
    }

    private static (string Spec, SpecNames Names) ReadDeviceConfig(ByteString bytes)
    {
        PipelineConfig device;
        try
        {
            device = PipelineConfig.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new PipelineException("p4_device_config is not a tdi.PipelineConfig", e);
        }

        if (device.Profiles.Count != 1)
        {
            throw new PipelineException($"p4_device_config has {device.Profiles.Count} profiles; expected one");
        }

        var profile = device.Profiles[0];
        if (profile.Binary.IsEmpty)
        {
            throw new PipelineException($"p4_device_config: profile {profile.ProfileName} has no .spec");
        }

        try
        {
            var context = profile.Context.IsEmpty ? new ContextJson() : ContextJson.Parse(profile.Context.Span);
            return (new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(profile.Binary.Span), new SpecNames(context));
        }
        catch (JsonException e)
        {
            throw new PipelineException($"p4_device_config: context.json: {e.Message}", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new PipelineException("p4_device_config: the .spec is not valid UTF-8", e);
        }
    }

    private BoundPipeline Bind(ForwardingPipelineConfig config, SwxProgram program)
    {
        foreach (var action in _info.Actions)
        {
            AddTo(_actions, action.Preamble, "action", BindAction(action));
        }

        foreach (var profile in _info.ActionProfiles)
        {
            AddTo(_profiles, profile.Preamble, "action profile", BindProfile(profile));
        }

        foreach (var table in _info.Tables)
        {
            AddTo(_tables, table.Preamble, "table", BindTable(table));
        }

        foreach (var counter in _info.Counters)
        {
            AddTo(_counters, counter.Preamble, "counter", BindCounter(counter.Preamble, counter.Spec, counter.Size));
        }

        foreach (var counter in _info.DirectCounters)
        {
            BindDirectCounter(counter);
        }

        foreach (var register in _info.Registers)
        {
            AddTo(_registers, register.Preamble, "register", BindRegister(register));
        }

        return new BoundPipeline
        {
            Config = config,
            Program = program,
            Tables = _tables.ToFrozenDictionary(),
            Actions = _actions.ToFrozenDictionary(),
            Profiles = _profiles.ToFrozenDictionary(),
            Counters = _counters.ToFrozenDictionary(),
            Registers = _registers.ToFrozenDictionary(),
            TruncatedCell = FindTruncatedCell(),
            PacketIn = BindHeader("packet_in"),
            PacketOut = BindHeader("packet_out"),
        };
    }

    private static void AddTo<T>(Dictionary<uint, T> map, Preamble? preamble, string what, T value)
    {
        if (preamble is null || preamble.Id == 0)
        {
            throw new PipelineException($"p4info: {what} {preamble?.Name} has no id");
        }

        if (!map.TryAdd(preamble.Id, value))
        {
            throw new PipelineException($"p4info: {what} {preamble.Name}: id {preamble.Id} is used twice");
        }
    }

    /// <summary>Name of an object in messages.</summary>
    private static string NameOf(Preamble? preamble)
        => preamble is null ? "" : preamble.Alias.Length > 0 ? preamble.Alias : preamble.Name;

    private static int CheckBits(int bits, string where)
        => bits is > 0 and <= 2048 ? bits : throw new PipelineException($"p4info: {where}: bitwidth {bits} is not supported");

    private static BoundAction BindAction(P4.Config.V1.Action action)
    {
        var name = NameOf(action.Preamble);
        var bound = action.Params
            .Select(p => new BoundParam(p.Id, p.Name, CheckBits(p.Bitwidth, $"action {name}, parameter {p.Name}")))
            .ToArray();
        if (bound.DistinctBy(p => p.Id).Count() != bound.Length)
        {
            throw new PipelineException($"p4info: action {name}: a parameter id is used twice");
        }

        return new BoundAction(action.Preamble?.Id ?? 0, name, bound);
    }

    private BoundPacketHeader? BindHeader(string name)
    {
        var header = _info.ControllerPacketMetadata.FirstOrDefault(h => NameOf(h.Preamble) == name || h.Preamble?.Name == name);
        return header is null
            ? null
            : new BoundPacketHeader(
                name,
                header.Metadata.Select(m => new BoundParam(m.Id, m.Name, CheckBits(m.Bitwidth, $"{name}, field {m.Name}"))).ToArray());
    }
}

/// <summary>A forwarding pipeline config that this target does not support; the message names the mismatch.</summary>
internal sealed class PipelineException : Exception
{
    public PipelineException(string message)
        : base(message)
    {
    }

    public PipelineException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
