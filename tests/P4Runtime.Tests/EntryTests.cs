using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Schema;
using ACCOffload.P4Runtime.TestKit;

namespace ACCOffload.P4Runtime.Tests;

public sealed class EntryTests
{
    [Fact]
    public void An_entry_has_a_readable_text()
    {
        Assert.Equal("pods dst_ip=10.244.1.5 -> to_pod(port=3, src_mac=02:ac:c0:00:00:01, dst_mac=02:00:0a:f4:01:05)",
            TestPipeline.Pod(0x0af40105, 3).ToString());
        var acl = Acl().Ternary("src_ip", 0, 0).Range("l4_port", 80, 90).Priority(7).Action("drop").Build();
        Assert.Equal("acl l4_port=80-90 vlan=4 priority=7 -> drop()", acl.ToString());
        var route = TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0x0a000001, 8).BuildKey();
        Assert.Equal("routes dst_ip=10.0.0.0/8", route.ToString());
        Assert.Equal("DELETE routes dst_ip=10.0.0.0/8", new EntryUpdate(UpdateKind.Delete, route).ToString());
    }

    [Fact]
    public void A_value_that_does_not_fit_is_rejected_with_the_field_name()
    {
        Fault(() => TestPipeline.Pods.NewEntry().Exact("dst_ip", 0x1_0000_0000), "dst_ip", "32 bits");
        Fault(() => TestPipeline.Pods.NewEntry().Exact("dst_ip", [1, 0, 0, 0, 0]), "dst_ip", "32 bits");
        Fault(() => TestPipeline.Pods.NewEntry().Exact("dst_ip", []), "dst_ip", "empty");
        Fault(() => Acl().Ternary("vni", 0x200, 1), "vni", "9 bits");
        Fault(() => Acl().Ternary("vni", 1, 0x200), "vni", "9 bits");
        Fault(() => TestPipeline.Pods.NewEntry().Action("to_pod").Param("src_mac", 1ul << 48), "src_mac", "48 bits");
        Fault(() => TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0, 33), "dst_ip", "33");
        Fault(() => TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0, -1), "dst_ip", "-1");
        Fault(() => TestPipeline.Routes.NewEntry().Exact("dst_ip", 1), "dst_ip", "Lpm");
        Fault(() => Acl().Range("l4_port", 90, 80), "l4_port", "above");
        Fault(() => Acl().Priority(0), "priority", "below 1");
        Fault(() => TestPipeline.Pods.NewEntry().Priority(1), "priority", "no priority");
    }

    [Fact]
    public void Missing_parts_are_named()
    {
        Fault(() => TestPipeline.Pods.NewEntry().Action("to_pod").Param("port", 1).Param("src_mac", 1)
            .Build(), "dst_mac", "requires this parameter");
        Fault(() => TestPipeline.Instance.Table("mac_guard").NewEntry().Exact("port", 1).Action("drop").Build(), "src_mac", "is required");
        Fault(() => Acl().Action("drop").Build(), "priority", "require a priority");
        Fault(() => TestPipeline.Pods.NewEntry().Exact("dst_ip", 1).Build(), null, "no action");
        Fault(() => TestPipeline.Pods.NewEntry().Param("port", 1), "port", "action before its parameters");
        Fault(() => TestPipeline.Pods.NewEntry().Action("drop"), null, "default");
        Fault(() => TestPipeline.Pods.NewEntry().Action(TestPipeline.Acl.Action("drop")), null, "belongs to table acl");
        Fault(() => TestPipeline.Pods.NewEntry().ProfileGroup(1), null, "no action profile");
        Fault(() => TestPipeline.Instance.Table("backends").NewEntry().Action("drop"), null, "action profile");
    }

    [Fact]
    public void Keys_are_canonical_and_compare_by_value()
    {
        var a = TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0x0a0102ff, 24).BuildKey().Key;
        var b = TestPipeline.Routes.NewEntry().Lpm("dst_ip", [0, 10, 1, 2, 0], 24).BuildKey().Key;
        var c = TestPipeline.Routes.NewEntry().Lpm("dst_ip", 0x0a0102ff, 23).BuildKey().Key;
        Assert.Equal(a, b);
        Assert.Equal(a.GetHashCode(), b.GetHashCode());
        Assert.NotEqual(a, c);
        Assert.Equal(
            Acl().Ternary("vni", 0x1ff, 0x0f).Priority(1).BuildKey().Key,
            Acl().Ternary("vni", 0x00f, 0x0f).Range("l4_port", 0, 65535).Ternary("src_ip", 5, 0).Priority(1).BuildKey().Key);
        Assert.NotEqual(Acl().Priority(1).BuildKey().Key, Acl().Priority(2).BuildKey().Key);
        Assert.NotEqual(Acl().Optional("proto", 0).Priority(1).BuildKey().Key, Acl().Priority(1).BuildKey().Key);
        Assert.NotEqual(default, a);
        Assert.Equal(default, default(EntryKey));
    }

    [Fact]
    public void Entries_compare_by_key_action_and_parameters()
    {
        Assert.True(TestPipeline.Pod(5, 3).SameAs(TestPipeline.Pod(5, 3)));
        Assert.False(TestPipeline.Pod(5, 3).SameAs(TestPipeline.Pod(5, 4)));
        Assert.False(TestPipeline.Pod(5, 3).SameAs(TestPipeline.Pod(6, 3)));
        Assert.Equal(TestPipeline.Pod(5, 3).Key, TestPipeline.Pod(5, 4).Key);
        Assert.True(TestPipeline.Pod(5, 3).Key.ToEntry().SameAs(TestPipeline.Pods.NewEntry().Exact("dst_ip", 5).BuildKey()));
    }

    [Fact]
    public void A_builder_is_clear_after_each_entry_and_each_error()
    {
        var builder = Acl().Ternary("vni", 1, 1).Optional("proto", 6).Priority(4);
        builder.BuildKey();
        builder.Exact("vlan", 4).Priority(1);
        Assert.Equal("acl vlan=4 priority=1", builder.BuildKey().Key.ToString());
        builder.Exact("vlan", 4).Priority(1).Ternary("vni", 3, 3);
        Assert.Throws<EntryException>(() => builder.Exact("vlan", 0x1000));
        Assert.Throws<EntryException>(() => builder.Priority(2).BuildKey());
    }

    [Fact]
    public void An_entry_takes_24_bytes_besides_its_data()
    {
        var builder = TestPipeline.Pods.NewEntry();
        var kept = new Entry[1000];
        Fill(builder, kept);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill(builder, kept);
        // An address, a port and two MAC addresses: 20 bytes, stored in 32.
        Assert.Equal((24 + 32) * kept.Length, GC.GetAllocatedBytesForCurrentThread() - before);
        GC.KeepAlive(kept);
    }

    [Fact]
    public void A_profile_reference_is_an_action()
    {
        var entry = TestPipeline.Instance.Table("backends").NewEntry().Exact("group", 9).ProfileGroup(77).Build();
        Assert.Equal(ActionKind.ProfileGroup, entry.Action.Kind);
        Assert.Equal("backends group=9 -> action_profile_group(id=77)", entry.ToString());
    }

    private static void Fill(EntryBuilder builder, Entry[] into)
    {
        for (var i = 0; i < into.Length; i++)
        {
            into[i] = builder.Exact("dst_ip", (ulong)i).Action("to_pod").Param("port", 1).Param("src_mac", 2).Param("dst_mac", 3).Build();
        }
    }

    private static EntryBuilder Acl() => TestPipeline.Acl.NewEntry().Exact("vlan", 4);

    private static void Fault(Action act, string? field, string says)
    {
        var fault = Assert.Throws<EntryException>(act);
        Assert.Equal(field, fault.Field);
        Assert.Contains(says, fault.Message, StringComparison.Ordinal);
        Assert.StartsWith("table ", fault.Message, StringComparison.Ordinal);
    }
}
