using ACCOffload.P4Runtime.Schema;
using P4.Config.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class P4InfoTextTests
{
    [Fact]
    public void All_kinds_of_fields_are_read()
    {
        var info = P4InfoText.Parse("""
            # As p4c writes it, and as a person may.
            pkg_info { arch: "pna" name: 'k8s' "_dp" }
            tables {
              preamble { id: 0x02000001, name: "c.t\303\251\x41\n\"" annotations: ["@a", "@b"] }
              match_fields < id: 1; bitwidth: 32 match_type: EXACT type_name { name: "PortId_t" } >
              action_refs: { id: 7 scope: DEFAULT_ONLY }
              direct_resource_ids: [1, 2]
              direct_resource_ids: 3
              size: -1
              is_const_table: true
            }
            type_info { new_types { key: "PortId_t" value { translated_type { uri: "u" sdn_bitwidth: 32 } } } }
            """);

        var table = Assert.Single(info.Tables);
        Assert.Equal(("pna", "k8s_dp"), (info.PkgInfo.Arch, info.PkgInfo.Name));
        Assert.Equal((0x02000001u, "c.t\u00e9A\n\""), (table.Preamble.Id, table.Preamble.Name));
        Assert.Equal(["@a", "@b"], table.Preamble.Annotations);
        Assert.Equal((32, MatchField.Types.MatchType.Exact, "PortId_t"),
            (table.MatchFields[0].Bitwidth, table.MatchFields[0].MatchType, table.MatchFields[0].TypeName.Name));
        Assert.Equal(ActionRef.Types.Scope.DefaultOnly, table.ActionRefs[0].Scope);
        Assert.Equal([1u, 2, 3], table.DirectResourceIds);
        Assert.Equal((-1, true), (table.Size, table.IsConstTable));
        Assert.Equal(32, info.TypeInfo.NewTypes["PortId_t"].TranslatedType.SdnBitwidth);
        Assert.Equal(0, P4InfoText.Parse("").CalculateSize());
    }

    [Theory]
    [InlineData("tables {\n  no_such: 1\n}", "line 2: Table has no field 'no_such'")]
    [InlineData("tables {", "line 1: a field name is missing")]
    [InlineData("tables { size: many }", "line 1: 'many' is not a valid value of 'size'")]
    [InlineData("tables { size 1 }", "line 1: ':' is missing after 'size'")]
    [InlineData("pkg_info { arch: \"pna\n\" }", "line 1: a string is not closed")]
    [InlineData("pkg_info { arch: \"\\q\" }", "line 1: unknown escape '\\q'")]
    [InlineData("tables: 1", "line 1: '{' is missing after 'tables'")]
    [InlineData("tables { direct_resource_ids: [1 2] }", "line 1: the list of 'direct_resource_ids' is not closed")]
    [InlineData("tables { preamble { id: 99999999999 } }", "line 1: '99999999999' is not a valid value of 'id'")]
    public void Errors_name_the_line(string text, string message) =>
        Assert.Equal(message, Assert.Throws<P4InfoException>(() => P4InfoText.Parse(text)).Message);

    [Fact]
    public void Every_prefix_of_a_text_is_parsed_or_rejected()
    {
        const string Text = "tables { preamble { id: 1 name: \"a\\x4\" } match_fields < id: 1 > direct_resource_ids: [1, 2] } # end";
        for (var length = 0; length <= Text.Length; length++)
        {
            try
            {
                _ = P4InfoText.Parse(Text[..length]);
            }
            catch (P4InfoException e)
            {
                Assert.StartsWith("line 1: ", e.Message, StringComparison.Ordinal);
            }
        }
    }
}
