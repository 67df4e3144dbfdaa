using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

public class ParserTests
{
    private const string Head = """
        ; p4c writes comments like this
        struct e_t {
            bit<48> dst
            bit<16> type
        }
        struct m_t {
            bit<32> port
            bit<8> x
        }
        struct a_t {
            bit<32> port
            bit<128> wide
        }
        header e instanceof e_t
        metadata instanceof m_t
        regarray r size 0x10 initval 0x5
        metarray k size 3
        action nop args none {
            return
        }
        action go args instanceof a_t {
            mov m.port t.port
            return
        }

        """;

    private const int HeadLines = 24;

    private const string Apply = "\napply {\n rx m.port\n tx 1\n}\n";

    public static TheoryData<string, int, string> Bad => new()
    {
        { "", 0, "no apply block" },
        { "bogus", 1, "unknown statement 'bogus'" },
        { "extobj x instanceof y", 1, "extern objects are not supported" },
        { "struct", 1, "expected 'struct NAME {'" },
        { "struct s {", 1, "is not closed" },
        { "struct s {\n}", 1, "no fields" },
        { "struct s {\n bit<7> a\n}", 2, "not a multiple of 8" },
        { "struct s {\n bit<0> a\n}", 2, "is not in the range" },
        { "struct s {\n bit<8> a\n bit<8> a\n}", 3, "duplicate field 'a'" },
        { "struct s {\n bits a\n}", 2, "is not a field type" },
        { "struct s {\n varbit<8> a\n bit<8> b\n}", 3, "must be the last" },
        { "struct e_t {\n bit<8> a\n}", 1, "duplicate structure" },
        { "header h2 instanceof nope", 1, "'nope' is not a structure" },
        { "metadata instanceof m_t", 1, "exactly one metadata" },
        { "regarray r size 1 initval 0", 1, "duplicate register array" },
        { "regarray q size 0 initval 0", 1, "is not in the range" },
        { "regarray q size x initval 0", 1, "not a number" },
        { "metarray k size 1", 1, "duplicate meter array" },
        { "action nop args none {\n return\n}", 1, "duplicate action" },
        { "action b args none {\n mov m.x 1\n}", 1, "no return, tx or drop" },
        { "action b args none {\n rx m.port\n return\n}", 2, "not allowed in an action" },
        { "action b args none {\n mov m.x t.port\n return\n}", 2, "neither a field nor a number" },
        { "action b args instanceof a_t {\n mov m.x t.wide\n return\n}", 2, "can't move 128 bits to 8" },
        { "action b args none {\n table t\n return\n}", 2, "not allowed in an action" },
        { "table t {\n}", 1, "has no actions" },
        { "table t {\n actions {\n  nop\n }\n}", 1, "no default action" },
        { "table t {\n actions {\n  nope\n }\n default_action nope args none\n}", 3, "is not an action" },
        { "table t {\n actions {\n  nop\n }\n default_action go args none\n}", 5, "can't be the default" },
        { "table t {\n actions {\n  nop @tableonly\n }\n default_action nop args none\n}", 5, "can't be the default" },
        { "table t {\n actions {\n  go\n }\n default_action go args port 1\n}", 5, "requires 2 named arguments" },
        { "table t {\n actions {\n  go\n }\n default_action go args port 1 wide 0x11\n}", 5, "32 hexadecimal digits" },
        { "table t {\n actions {\n  go\n }\n default_action go args wide 0x11 port 1\n}", 5, "expected argument 'port'" },
        { "table t {\n key {\n  m.y exact\n }\n actions {\n  nop\n }\n default_action nop args none\n size 1\n}", 3, "is not a field" },
        { "table t {\n key {\n  m.x fuzzy\n }\n actions {\n  nop\n }\n default_action nop args none\n size 1\n}", 3, "unknown match kind" },
        { "table t {\n key {\n  m.x lpm\n  m.port lpm\n }\n actions {\n  nop\n"
            + " }\n default_action nop args none\n size 1\n}", 1, "more than one lpm" },
        { "table t {\n key {\n  m.x lpm\n  m.port wildcard\n }\n actions {\n"
            + "  nop\n }\n default_action nop args none\n size 1\n}", 1, "lpm and wildcard" },
        { "table t {\n key {\n  m.x exact\n }\n actions {\n  nop\n }\n default_action nop args none\n}", 1, "requires a size" },
        { "learner l {\n key {\n  m.x\n }\n actions {\n  nop\n }\n default_action nop args none\n size 1\n}", 1, "1 to 16 timeouts" },
        { "learner l {\n key {\n  m.x exact\n }\n}", 3, "expected a field" },
        { "selector s {\n group_id m.port\n}", 1, "a selector requires" },
        { "selector s {\n group_id m.port\n member_id m.port\n n_groups_max 1\n"
            + " n_members_per_group_max 1\n selector {\n  m.x\n  e.dst\n }\n}", 8, "is not a field" },
        { "apply {\n tx 1\n}", 1, "must begin with rx" },
        { "apply {\n rx m.port\n}", 1, "neither tx nor drop" },
        { "apply {\n rx m.port\n tx 1\n mov m.x 1\n}", 4, "must end with" },
        { "apply {\n rx m.port\n jmp NOWHERE\n tx 1\n}", 3, "no label 'NOWHERE'" },
        { "apply {\n rx m.port\n A : A : tx 1\n}", 3, "duplicate label" },
        { "apply {\n rx m.port\n tx 1\n A :\n}", 4, "a label without an instruction" },
        { "apply {\n rx m.port\n A : jmp A\n tx 1\n}", 3, "a jump to itself" },
        { "apply {\n rx m.port\n frobnicate\n tx 1\n}", 3, "unknown instruction 'frobnicate'" },
        { "apply {\n rx m.port\n jmpge A m.x 1\n A : tx 1\n}", 3, "unknown instruction 'jmpge'" },
        { "apply {\n rx m.port\n extern e.o.f\n tx 1\n}", 3, "not supported" },
        { "apply {\n rx m.port\n mov m.x 0x10000000000000000\n tx 1\n}", 3, "neither a field nor a number" },
        { "apply {\n rx m.port\n mov m.x\n tx 1\n}", 3, "expected 'mov DESTINATION SOURCE'" },
        { "apply {\n rx m.port\n learn go m.port m.x\n tx 1\n}", 3, "allowed only in an action" },
        { "apply {\n rx m.port\n table t\n tx 1\n}", 3, "not a table, selector or learner" },
        { "apply {\n rx m.port\n regadd q 1 1\n tx 1\n}", 3, "is not a register array" },
        { "apply {\n rx m.port\n hash md5 m.port h.e.dst h.e.type\n tx 1\n}", 3, "unknown hash function" },
        { "apply {\n rx m.port\n hash crc32 m.port h.e.type h.e.dst\n tx 1\n}", 3, "in that order" },
        { "apply {\n rx m.port\n ckadd m.x h.e.dst\n tx 1\n}", 3, "header field of 16 bits" },
        { "apply {\n rx m.port\n extract h.e m.x\n tx 1\n}", 3, "fixed width" },
        { "apply {\n rx m.port\n return\n tx 1\n}", 3, "allowed only in an action" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Errors_name_the_line_and_the_reason(string text, int line, string reason)
    {
        var error = Assert.Throws<SpecException>(() => SwxProgram.Parse(
            Head + text + (line == 0 || reason == "is not closed" || text.Contains("apply", StringComparison.Ordinal) ? "" : Apply)));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(line == 0 ? 0 : line + HeadLines, error.Line);
        if (error.Line > 0)
        {
            Assert.StartsWith($"line {error.Line}: ", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_program_is_enumerated()
    {
        var program = SwxProgram.Parse(Head + """
            table t {
                key {
                    h.e.dst lpm
                    h.e.type exact
                }
                actions {
                    nop @defaultonly
                    go @tableonly
                }
                default_action nop args none const
                size 0x100
            }
            table d {
                actions {
                    go
                }
                default_action go args port 0xABCD wide 0x000102030405060708090A0B0C0D0E0F
                size 0x10000
            }
            apply {
                rx m.port
                table t
                tx m.port
            }
            """);
        var table = program.FindTable("t")!;
        Assert.Equal(SwxMatchKind.Lpm, table.Kind);
        Assert.Equal(8, table.KeyBytes);
        Assert.Equal(["h.e.dst", "h.e.type"], table.Key.Select(f => f.Name));
        Assert.Equal([0, 6], table.Key.Select(f => f.Offset));
        Assert.Equal(256, table.Size);
        Assert.True(table.DefaultIsConst);
        Assert.Equal([(false, true), (true, false)], table.Actions.Select(a => (a.ForEntries, a.ForDefault)));
        Assert.Equal("0000ABCD000102030405060708090A0B0C0D0E0F", Convert.ToHexString(program.FindTable("d")!.DefaultActionData.Span));
        Assert.Equal(20, program.FindAction("go")!.DataBytes);
        Assert.Equal(
            ("r", 16, 5ul), (program.RegisterArrays[0].Name, program.RegisterArrays[0].Size, program.RegisterArrays[0].InitialValue));
        Assert.Equal(3, program.FindMeterArray("k")!.Size);
        Assert.Empty(program.Warnings);
    }

    [Fact]
    public void Deviations_of_DPDK_produce_warnings()
    {
        var fields = string.Concat(Enumerable.Range(0, 70).Select(i => $" bit<32> f{i}\n"));
        var program = SwxProgram.Parse(
            $"struct m {{\n{fields}}}\nmetadata instanceof m\napply {{\nrx m.f0\nhash crc32 m.f20 m.f0 m.f1\ntx m.f0\n}}\n");
        Assert.Equal(2, program.Warnings.Count);
        Assert.Contains("below byte 32", program.Warnings[1], StringComparison.Ordinal);
    }

    [Fact]
    public void State_beyond_the_limit_is_rejected()
    {
        var program = SwxProgram.Parse(Head + "regarray big size 0x40000000 initval 0\napply {\nrx m.port\ntx 1\n}");
        var error = Assert.Throws<SpecException>(() => new SwxPipeline(program));
        Assert.Contains("the limit is", error.Message, StringComparison.Ordinal);
    }
}
