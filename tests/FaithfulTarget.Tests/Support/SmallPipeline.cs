using System.Text.Json;
using ACCOffload.Protos.Tdi;
using Google.Protobuf;
using P4.Config.V1;
using P4.V1;
using Action = P4.Config.V1.Action;

namespace ACCOffload.FaithfulTarget.Tests.Support;

/// <summary>
/// A pipeline with one table of each kind that P4-DPDK treats differently. Every table has one exact 16-bit field and the action
/// <c>set</c>.
/// </summary>
internal static class SmallPipeline
{
    public const uint First = 0x02000001;
    public const uint Second = 0x02000002;
    public const uint Packets = 0x02000003;
    public const uint Nested = 0x02000004;
    public const uint Learner = 0x02000005;
    public const uint Selected = 0x02000006;
    public const uint Profile = 0x11000001;
    public const uint Drops = 0x12000001;
    private const uint SetAction = 0x01000001;
    private const string GoodCommand = "p4c-dpdk --arch pna small.p4";
    private static readonly (uint Id, string Name, string Target)[] Tables =
    [
        (First, "main.first", "first"), (Second, "main.second", "second"), (Packets, "main.packets", "packets"),
        (Nested, "main.nat.nested", "nat_nested"),
        (Learner, "main.learner", "learner"), (Selected, "main.selected", "selected"),
    ];

    public static ForwardingPipelineConfig Config(string compileCommand = GoodCommand, ulong cookie = 7) => new()
    {
        P4Info = Info(),
        P4DeviceConfig = DeviceConfig(compileCommand).ToByteString(),
        Cookie = new ForwardingPipelineConfig.Types.Cookie { Cookie_ = cookie },
    };

    /// <summary>A row of a table.</summary>
    public static TableEntry Row(uint table, byte key, byte value) => new()
    {
        TableId = table,
        Match = { new FieldMatch { FieldId = 1, Exact = new FieldMatch.Types.Exact { Value = ByteString.CopyFrom(0, key) } } },
        Action = table == Selected
            ? new TableAction { ActionProfileMemberId = value }
            : new TableAction { Action = Set(value) },
    };

    public static Entity Member(uint id) =>
        new() { ActionProfileMember = new ActionProfileMember { ActionProfileId = Profile, MemberId = id, Action = Set((byte)id) } };

    public static Entity Group(uint id, params uint[] members) => new()
    {
        ActionProfileGroup = new ActionProfileGroup
        {
            ActionProfileId = Profile,
            GroupId = id,
            MaxSize = 8,
            Members = { members.Select(m => new ActionProfileGroup.Types.Member { MemberId = m, Weight = 1 }) },
        },
    };

    /// <summary>The parameter of a row's action.</summary>
    public static byte ValueOf(TableEntry row) => row.Action.Action.Params[0].Value[^1];

    private static P4.V1.Action Set(byte value) => new()
    {
        ActionId = SetAction,
        Params = { new P4.V1.Action.Types.Param { ParamId = 1, Value = ByteString.CopyFrom(value) } },
    };

    private static P4Info Info()
    {
        var info = new P4Info { PkgInfo = new PkgInfo { Name = "small", Arch = "pna" } };
        info.Actions.Add(new Action
        {
            Preamble = Named(SetAction, "main.set"),
            Params = { new Action.Types.Param { Id = 1, Name = "value", Bitwidth = 32 } }
        });
        foreach ((var id, var name, _) in Tables)
        {
            info.Tables.Add(new Table
            {
                Preamble = Named(id, name),
                MatchFields = { new MatchField { Id = 1, Name = "key", Bitwidth = 16, MatchType = MatchField.Types.MatchType.Exact } },
                ActionRefs = { new ActionRef { Id = SetAction } },
                ImplementationId = id == Selected ? Profile : 0,
                Size = 1024,
            });
        }

        info.ActionProfiles.Add(new ActionProfile
        {
            Preamble = Named(Profile, "main.profile"),
            TableIds = { Selected },
            WithSelector = true,
            Size = 64,
            MaxGroupSize = 8
        });
        info.Counters.Add(new Counter { Preamble = Named(Drops, "main.drops"), Spec = Unit(CounterSpec.Types.Unit.Packets), Size = 4 });
        info.DirectCounters.Add(RowCounter(0x13000001, First, CounterSpec.Types.Unit.Both));
        info.DirectCounters.Add(RowCounter(0x13000002, Second, CounterSpec.Types.Unit.Both));
        info.DirectCounters.Add(RowCounter(0x13000003, Packets, CounterSpec.Types.Unit.Packets));
        return info;
    }

    private static DirectCounter RowCounter(uint id, uint table, CounterSpec.Types.Unit unit) =>
        new() { Preamble = Named(id, $"main.rows{id & 0xff}"), DirectTableId = table, Spec = Unit(unit) };

    private static CounterSpec Unit(CounterSpec.Types.Unit unit) => new() { Unit = unit };

    private static Preamble Named(uint id, string name) => new() { Id = id, Name = name, Alias = name };

    private static PipelineConfig DeviceConfig(string compileCommand)
    {
        object[] tables = [.. Tables.Select(t =>
            new Dictionary<string, object> { ["name"] = t.Name, ["target_name"] = t.Target, ["add_on_miss"] = t.Id == Learner })];
        var context = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["compile_command"] = compileCommand,
            ["tables"] = tables
        });
        return new PipelineConfig
        {
            P4Name = "small",
            BfruntimeInfo = ByteString.CopyFromUtf8("{}"),
            Profiles = { new Profile { ProfileName = "pipe", Context = ByteString.CopyFrom(context),
                Binary = ByteString.CopyFromUtf8("spec") } },
        };
    }
}
