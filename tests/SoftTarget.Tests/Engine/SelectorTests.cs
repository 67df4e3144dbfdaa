using ACCOffload.SoftTarget.Engine;

namespace ACCOffload.SoftTarget.Tests.Engine;

public class SelectorTests
{
    private static SpecBench Bench(int members = 16, string fields = "h.ip.src\nh.ip.dst") => new($$"""
        selector sel {
            group_id m.group
            selector {
                {{fields}}
            }
            member_id m.member
            n_groups_max 4
            n_members_per_group_max {{members}}
        }
        apply {
            rx m.port
            extract h.ip
            mov m.group m.port
            table sel
            tx m.member
        }
        """);

    private static Dictionary<uint, int> Spread(SpecBench bench, uint group, int flows)
        => Enumerable.Range(0, flows)
            .Select(i => bench.Send(FrameOf(i), group)!.Value.Port).GroupBy(p => p).ToDictionary(g => g.Key, g => g.Count());

    private static string FrameOf(int i) => $"450000280000400040060000{unchecked((uint)i * 0x9E3779B1u):X8}0A000001";

    private static void Set(SpecBench bench, uint group, params SwxMember[] members)
    {
        using var update = bench.Pipeline.BeginUpdate();
        update.SetGroup(0, group, members);
        bench.Pipeline.Commit(update);
    }

    [Fact]
    public void Members_get_their_share_of_the_flows()
    {
        var bench = Bench();
        Set(bench, 1, new SwxMember(10, 1), new SwxMember(20, 3));
        var spread = Spread(bench, 1, 4000);
        Assert.Equal([10u, 20u], spread.Keys.Order());
        Assert.InRange(spread[20] / (double)spread[10], 2.5, 3.5);
        Assert.Equal([new SwxMember(10, 1), new SwxMember(20, 3)], bench.Pipeline.GetGroup(0, 1));
    }

    [Fact]
    public void A_flow_stays_with_its_member_and_a_group_without_members_gives_zero()
    {
        var bench = Bench();
        Set(bench, 1, [.. Enumerable.Range(1, 7).Select(i => new SwxMember((uint)i, 1))]);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(bench.Send(FrameOf(i), 1), bench.Send(FrameOf(i), 1));
        }

        Assert.Equal(0u, bench.Send(FrameOf(1), 2)!.Value.Port);
        Set(bench, 1);
        Assert.Equal(0u, bench.Send(FrameOf(1), 1)!.Value.Port);
        // Group ids are masked to the number of groups, as in DPDK.
        Set(bench, 3, new SwxMember(9, 1));
        Assert.Equal(9u, bench.Send(FrameOf(1), 7)!.Value.Port);
    }

    [Fact]
    public void Fields_that_are_not_selected_do_not_count()
    {
        var bench = Bench(fields: "h.ip.proto\nh.ip.dst");
        Set(bench, 1, [.. Enumerable.Range(1, 16).Select(i => new SwxMember((uint)i, 1))]);
        Assert.Single(Spread(bench, 1, 100));
    }

    [Fact]
    public void Invalid_groups_are_rejected()
    {
        var bench = Bench(members: 4);
        using var update = bench.Pipeline.BeginUpdate();
        Assert.Throws<ArgumentException>(() => update.SetGroup(0, 4, [new SwxMember(1, 1)]));
        Assert.Throws<ArgumentException>(() => update.SetGroup(0, 0, [new SwxMember(1, 0)]));
        Assert.Throws<ArgumentException>(() => update.SetGroup(0, 0, [new SwxMember(1, 1), new SwxMember(1, 1)]));
        Assert.Throws<ArgumentException>(() => update.SetGroup(0, 0, [.. Enumerable.Range(0, 5).Select(i => new SwxMember((uint)i, 1))]));
        Assert.Throws<ArgumentException>(() => update.SetGroup(0, 0, [new SwxMember(1, 2), new SwxMember(2, 3)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => update.SetGroup(1, 0, []));
        // A common divisor is removed.
        update.SetGroup(0, 0, [new SwxMember(1, 3), new SwxMember(2, 3)]);
        Assert.Equal(1, update.Changes);
    }
}
