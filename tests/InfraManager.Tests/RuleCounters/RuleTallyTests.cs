using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.RuleCounters;

namespace ACCOffload.InfraManager.Tests.RuleCounters;

/// <summary>How readings of a table's counters add up.</summary>
public sealed class RuleTallyTests
{
    private readonly ManualTime _time = new();
    private readonly RuleTally _tally;
    private readonly Dictionary<uint, (long Named, bool IsNamed)> _series = [];

    public RuleTallyTests() => _tally = new RuleTally(_time);

    [Fact]
    public void Only_what_is_new_since_the_last_reading_is_added()
    {
        Read([Row(2, 1, rule: 7, 5), Row(2, 2, rule: 7, 1)]);
        Read([Row(2, 1, rule: 7, 9), Row(2, 2, rule: 7, 1)]);
        Assert.Equal(10, Packets(7));

        // One row is gone; another one has the rule, too.
        Read([Row(2, 1, rule: 7, 9), Row(4, 1, rule: 7, 3)]);
        Assert.Equal(13, Packets(7));

        // Written again, with a new counter.
        Read([Row(2, 1, rule: 7, 2), Row(4, 1, rule: 7, 3)]);
        Assert.Equal(15, Packets(7));

        // Modified: a target keeps the counter.
        Read([Row(2, 1, rule: 8, 6), Row(4, 1, rule: 7, 3)]);
        Assert.Equal((15, 4), (Packets(7), Packets(8)));
    }

    [Fact]
    public void Rows_from_before_this_process_count_only_what_comes_after_the_first_reading()
    {
        Read([Row(2, 1, rule: 7, 1000)], loads: 0);
        Assert.Equal(0, Packets(7));
        Read([Row(2, 1, rule: 7, 1004), Row(4, 1, rule: 7, 6)], loads: 0);
        Assert.Equal(10, Packets(7));
    }

    [Fact]
    public void A_target_with_a_new_pipeline_counts_from_0_also_when_it_has_counted_more_than_before()
    {
        Read([Row(2, 1, rule: 7, 10)], loads: 1);
        Read([Row(2, 1, rule: 7, 12)], loads: 2);
        Assert.Equal(22, Packets(7));
    }

    [Fact]
    public void A_rule_without_a_row_is_remembered_for_an_hour()
    {
        Read([Row(2, 1, rule: 7, 5), Row(2, 2, rule: 8, 0)]);
        _time.Advance(TimeSpan.FromMinutes(59));
        Read([Row(2, 2, rule: 8, 0)]);
        Assert.Equal(5, Packets(7));
        Read([Row(6, 1, rule: 7, 1), Row(2, 2, rule: 8, 0)]);
        Assert.Equal(6, Packets(7));
        Read([Row(2, 2, rule: 8, 0)]);
        _time.Advance(RuleTally.Memory);
        Read([Row(2, 2, rule: 8, 0)]);
        Assert.DoesNotContain(_tally.Rules.Totals, t => t.Key.Number == 7);
        Assert.Contains(_tally.Rules.Totals, t => t.Key.Number == 8);
    }

    [Fact]
    public void Rules_without_rows_are_bounded()
    {
        const int Many = 1000;
        for (uint i = 0; i < 20; i++)
        {
            Read([.. Enumerable.Range(0, Many).Select(r => Row(2 + (2 * i), (ushort)r, rule: (i * Many) + (uint)r + 1, 1))]);
        }

        Assert.InRange(_tally.Rules.Totals.Count, Many, Many + RuleTally.MaxGone);
        Assert.Equal(Many, _tally.Rows);
    }

    [Fact]
    public void Staged_rules_count_what_allowed_rows_count()
    {
        Read([Row(2, 1, rule: 7, 5), Row(2, 2, rule: 7, 1)], staged: (2, 1, 9));
        Read([Row(2, 1, rule: 7, 6), Row(2, 2, rule: 7, 4)], staged: (2, 1, 9));
        Assert.Equal((10, 6), (Packets(7), Assert.Single(_tally.Staged.Totals).Packets));

        // The policy is gone when the reading is attributed; what the row counted was still under it.
        Read([Row(2, 1, rule: 7, 9), Row(2, 2, rule: 7, 4)]);
        Read([Row(2, 1, rule: 7, 10), Row(2, 2, rule: 7, 4)]);
        Assert.Equal(9, Assert.Single(_tally.Staged.Totals).Packets);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void The_series_of_a_metric_are_bounded_and_never_decrease_and_add_up(int seed)
    {
        var random = new Random(seed);
        var counts = new long[3 * ManagerFamilies.MaxNamedRules];
        var (sent, others) = (0L, 0L);
        for (var reading = 0; reading < 60; reading++)
        {
            for (var i = 0; i < 200; i++)
            {
                // Later rules become busy later.
                var packets = random.Next(1 + (reading * 10));
                counts[random.Next(Math.Min(counts.Length, 20 * (reading + 1)))] += packets;
                sent += packets;
            }

            Read([.. counts.Select((packets, i) => Row(2, (ushort)i, rule: (uint)i + 1, packets))]);
            Assert.Equal(ManagerFamilies.MaxNamedRules, _tally.Rules.Totals.Count(t => t.IsNamed));
            Assert.True(_tally.Rules.Others >= others);
            others = _tally.Rules.Others;
            foreach (var total in _tally.Rules.Totals)
            {
                Assert.True(total.NamedPackets >= _series.GetValueOrDefault(total.Key.Number).Named);
                _series[total.Key.Number] = (total.NamedPackets, total.IsNamed);
            }

            Assert.Equal(sent, others + _series.Values.Sum(s => s.Named));
        }

        // No rule without a name is far busier than one with a name.
        Assert.True(
            _tally.Rules.Totals.Where(t => !t.IsNamed).Max(t => t.Packets)
                <= 2 * _tally.Rules.Totals.Where(t => t.IsNamed).Min(t => t.Packets));
    }

    private long Packets(uint rule) => _tally.Rules.Totals.Where(t => t.Key.Number == rule).Sum(t => t.Packets);

    private static VerdictCount Row(uint group, ushort portClass, uint rule, long packets) =>
        new(new VerdictCell(group, portClass), rule, IsAllowed: true, IsLogged: false, packets);

    private void Read(VerdictCount[] rows, long loads = 1, (uint Group, ushort PortClass, uint Rule)? staged = null)
    {
        var cells = new Dictionary<VerdictCell, uint>();
        if (staged is var (group, portClass, rule))
        {
            cells.Add(new VerdictCell(group, portClass), rule);
        }

        var names = _tally.UnknownRules(rows).Concat(cells.Values)
            .ToDictionary(n => n, n => new CountedRule($"policy p ingress[{n}]", "policy p", "ingress"));
        _tally.Take(rows, new RuleDirectory(0, names, cells), loads);
    }
}
