using System.Text;
using ACCOffload.Protos.Tdi;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;
using Action = P4.V1.Action;

namespace ACCOffload.SoftTarget.Tests.Support;

/// <summary>A pipeline for tests: its artifacts, and its P4Info IDs by name.</summary>
internal sealed class TestPipeline
{
    private TestPipeline(P4Info info, string spec, byte[] context)
    {
        Info = info;
        Spec = spec;
        Context = context;
    }

    /// <summary>The pipeline with one table of each kind.</summary>
    public static TestPipeline Conformance { get; } = Load("conformance");

    public P4Info Info { get; }

    public string Spec { get; }

    public byte[] Context { get; }

    public static TestPipeline Load(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Pipelines", name);
        return new TestPipeline(
            P4Info.Parser.ParseFrom(File.ReadAllBytes(path + ".p4info.bin")),
            File.ReadAllText(path + ".spec"),
            File.ReadAllBytes(path + ".context.json"));
    }

    /// <summary>A pipeline defined in a test: names are matched without a context.json.</summary>
    public static TestPipeline Of(P4Info info, string spec) => new(info, spec, []);

    public ForwardingPipelineConfig Config(ulong cookie = 0xC00C1E) => new()
    {
        P4Info = Info,
        Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = cookie },
        P4DeviceConfig = Device(Spec, Context),
    };

    public static ByteString Device(string spec, byte[] context) => new PipelineConfig
    {
        P4Name = "test",
        Profiles =
        {
            new Profile
            {
                ProfileName = "pipe",
                Context = ByteString.CopyFrom(context),
                Binary = ByteString.CopyFrom(spec, Encoding.UTF8),
            },
        },
    }.ToByteString();

    public Table Table(string alias) => Info.Tables.Single(t => t.Preamble.Alias == alias);

    public uint Action(string alias) => Info.Actions.Single(a => a.Preamble.Alias == alias).Preamble.Id;

    public uint Profile(string alias) => Info.ActionProfiles.Single(a => a.Preamble.Alias == alias).Preamble.Id;

    public uint Counter(string alias) => Info.Counters.Single(a => a.Preamble.Alias == alias).Preamble.Id;

    public uint Register(string alias) => Info.Registers.Single(a => a.Preamble.Alias == alias).Preamble.Id;

    /// <summary>An entry with match fields given by <see cref="Fields"/>.</summary>
    public TableEntry Entry(string table, FieldMatch[] match, TableAction? action = null, int priority = 0)
    {
        var entry = new TableEntry { TableId = Table(table).Preamble.Id, Action = action, Priority = priority };
        entry.Match.Add(match);
        return entry;
    }

    public TableAction Do(string action, params ulong[] values) => new() { Action = Call(action, values) };

    public Action Call(string action, params ulong[] values)
    {
        var call = new Action { ActionId = Action(action) };
        for (var i = 0; i < values.Length; i++)
        {
            call.Params.Add(new Action.Types.Param { ParamId = (uint)i + 1, Value = Fields.Number(values[i]) });
        }

        return call;
    }
}
