using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.TestKit;
using P4.Config.V1;

namespace ACCOffload.P4Runtime.Tests;

public sealed class PipelineTests
{
    [Fact]
    public void Finds_tables_by_alias_and_by_full_name()
    {
        Assert.Same(TestPipeline.Pods, TestPipeline.Instance.Table("main.control.pods"));
        Assert.Same(TestPipeline.Pods, TestPipeline.Instance.TryTable(0x02000001));
        Assert.Null(TestPipeline.Instance.TryTable(7));
        Assert.Equal(16, TestPipeline.Instance.Counter("drops").Size);
        Assert.Equal(32, TestPipeline.Instance.Register("epochs").BitWidth);
    }

    [Fact]
    public void A_missing_name_is_reported_with_the_existing_names()
    {
        var table = Assert.Throws<P4InfoException>(() => TestPipeline.Instance.Table("podz"));
        Assert.Equal("pipeline test_dp has no table 'podz'; it has: pods, routes, mac_guard, acl, odd, backends", table.Message);
        var action = Assert.Throws<P4InfoException>(() => TestPipeline.Pods.Action("to_port"));
        Assert.Equal("table pods has no action 'to_port'; it has: to_pod, drop", action.Message);
        var field = Assert.Throws<P4InfoException>(() => TestPipeline.Pods.NewEntry().Exact("dst", 1));
        Assert.Equal("table pods has no match field 'dst'; it has: dst_ip", field.Message);
        var param = Assert.Throws<P4InfoException>(() => TestPipeline.Pods.NewEntry().Action("to_pod").Param("mac", 1));
        Assert.Equal("action to_pod of table pods has no parameter 'mac'; it has: port, src_mac, dst_mac", param.Message);
        Assert.Contains(
            "drops", Assert.Throws<P4InfoException>(() => TestPipeline.Instance.Counter("x")).Message, StringComparison.Ordinal);
        Assert.Contains(
            "epochs", Assert.Throws<P4InfoException>(() => TestPipeline.Instance.Register("x")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_invalid_P4Info_is_rejected()
    {
        Refused(info => info.Tables[1].Preamble.Id = info.Tables[0].Preamble.Id, "routes");
        Refused(info => info.Tables[1].Preamble.Alias = "pods", "another table");
        Refused(info => info.Tables[0].Preamble = null, "preamble");
        Refused(info => info.Actions[1].Preamble.Id = info.Actions[0].Preamble.Id, "another action");
        Refused(info => info.Tables[0].ActionRefs[0].Id = 9, "0x00000009");
        Refused(info => info.Tables[0].MatchFields[0].Bitwidth = 0, "0 bits");
        Refused(info => info.Tables[0].MatchFields[0].OtherMatchType = "fuzzy", "fuzzy");
        Refused(info => info.Tables[2].MatchFields[1].Id = 1, "src_mac");
        Refused(info => info.Actions[0].Params[0].Bitwidth = -3, "parameter port of action to_pod");
        Refused(info => info.Counters[0].Preamble.Id = 0, "without id");
    }

    private static void Refused(Action<P4Info> spoil, string says)
    {
        var info = TestPipeline.Info();
        spoil(info);
        Assert.Contains(says, Assert.Throws<P4InfoException>(() => Pipeline.FromP4Info(info)).Message, StringComparison.Ordinal);
    }
}
