using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using P4.Config.V1;
using MatchType = P4.Config.V1.MatchField.Types.MatchType;

namespace ACCOffload.P4Runtime.TestKit;

/// <summary>A handwritten P4Info: three tables like those of k8s_dp, and one for each special case.</summary>
internal static class TestPipeline
{
    public static readonly Pipeline Instance = Pipeline.FromP4Info(Info());

    public static TableSchema Pods => Instance.Table("pods");

    public static TableSchema Routes => Instance.Table("routes");

    public static TableSchema Acl => Instance.Table("acl");

    public static P4Info Info()
    {
        var info = new P4Info { PkgInfo = new PkgInfo { Name = "test_dp", Arch = "pna" } };
        info.Actions.Add(Action(0x01000001, "to_pod", ("port", 32), ("src_mac", 48), ("dst_mac", 48)));
        info.Actions.Add(Action(0x01000002, "drop"));
        info.Actions.Add(Action(0x01000003, "mark", ("tag", 9), ("note", 200)));
        info.Tables.Add(Table(0x02000001, "pods", [("dst_ip", 32, MatchType.Exact)], 0x01000001, 0x01000002));
        info.Tables.Add(Table(0x02000002, "routes", [("dst_ip", 32, MatchType.Lpm)], 0x01000001));
        info.Tables.Add(Table(0x02000003, "mac_guard", [("port", 32, MatchType.Exact), ("src_mac", 48, MatchType.Exact)], 0x01000002));
        info.Tables.Add(Table(
            0x02000004,
            "acl",
            [("src_ip", 128, MatchType.Ternary), ("l4_port", 16, MatchType.Range), ("proto", 8, MatchType.Optional),
                ("vni", 9, MatchType.Ternary), ("vlan", 12, MatchType.Exact)],
            0x01000002,
            0x01000003));
        info.Tables.Add(Table(0x02000005, "odd", [("bit", 1, MatchType.Exact), ("prefix33", 33, MatchType.Lpm)], 0x01000003));
        var selected = Table(0x02000006, "backends", [("group", 16, MatchType.Exact)], 0x01000002);
        selected.ImplementationId = 0x11000001;
        info.Tables.Add(selected);
        info.Tables[0].ActionRefs[1].Scope = ActionRef.Types.Scope.DefaultOnly;
        info.Counters.Add(new Counter
        {
            Preamble = Preamble(0x12000001, "drops"),
            Size = 16,
            Spec = new CounterSpec { Unit = CounterSpec.Types.Unit.Both },
        });
        info.Registers.Add(new Register
        {
            Preamble = Preamble(0x16000001, "epochs"),
            Size = 8,
            TypeSpec = new P4DataTypeSpec { Bitstring = new P4BitstringLikeTypeSpec { Bit = new P4BitTypeSpec { Bitwidth = 32 } } },
        });
        info.ControllerPacketMetadata.Add(Header(0x04000001, "packet_in", "ingress_port"));
        info.ControllerPacketMetadata.Add(Header(0x04000002, "packet_out", "egress_port"));
        return info;
    }

    public static Entry Pod(uint address, uint port = 1) => Pods.NewEntry()
        .Exact("dst_ip", address)
        .Action("to_pod")
        .Param("port", port)
        .Param("src_mac", 0x02acc0000001)
        .Param("dst_mac", 0x020000000000UL | address)
        .Build();

    public static Table Table(uint id, string alias, (string Name, int Width, MatchType Kind)[] fields, params uint[] actions)
    {
        var table = new Table { Preamble = Preamble(id, alias), Size = 1024 };
        for (var i = 0; i < fields.Length; i++)
        {
            table.MatchFields.Add(
                new MatchField { Id = (uint)i + 1, Name = fields[i].Name, Bitwidth = fields[i].Width, MatchType = fields[i].Kind });
        }

        table.ActionRefs.AddRange(actions.Select(a => new ActionRef { Id = a }));
        return table;
    }

    private static P4.Config.V1.Action Action(uint id, string alias, params (string Name, int Width)[] parameters)
    {
        var action = new P4.Config.V1.Action { Preamble = Preamble(id, alias) };
        for (var i = 0; i < parameters.Length; i++)
        {
            action.Params.Add(
                new P4.Config.V1.Action.Types.Param { Id = (uint)i + 1, Name = parameters[i].Name, Bitwidth = parameters[i].Width });
        }

        return action;
    }

    private static ControllerPacketMetadata Header(uint id, string name, string field) => new()
    {
        Preamble = new Preamble { Id = id, Name = name, Alias = name },
        Metadata = { new ControllerPacketMetadata.Types.Metadata { Id = 1, Name = field, Bitwidth = 16 } },
    };

    private static Preamble Preamble(uint id, string alias) => new() { Id = id, Name = "main.control." + alias, Alias = alias };
}
