using System.Text.RegularExpressions;
using ACCOffload.InfraManager.RuleCounters;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.RuleCounters;

/// <summary>The lines of policies that log: bounded, and no packet is lost from them.</summary>
public sealed partial class PolicyLogTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly LogCollector _log = new();
    private readonly PolicyLog _policy;

    public PolicyLogTests() => _policy = new PolicyLog(_time, _log.CreateLogger("Policy"));

    [Fact]
    public void A_rule_has_one_line_a_minute_with_all_packets_since_the_last_one()
    {
        // A reading every 15 s for ten minutes, with 3 packets each.
        for (var i = 0; i < 40; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(15));
            _policy.Report([Growth(1, 3)]);
        }

        var packets = _log.Matching("Policy log:").Select(Packets).ToList();
        Assert.Equal([3, 12, 12, 12, 12, 12, 12, 12, 12, 12], packets);
        Assert.Contains("denied, 12 packets by policy p ingress[1] in 60 s", _log.Lines[^1], StringComparison.Ordinal);

        // What came after the last line is written although nothing more comes.
        _time.Advance(TimeSpan.FromMinutes(1));
        _policy.Report([]);
        Assert.Equal(120, _log.Matching("Policy log:").Sum(Packets));
    }

    [Fact]
    public void A_flood_of_rules_has_a_bounded_number_of_lines_and_the_rest_is_counted()
    {
        for (var minute = 0; minute < 5; minute++)
        {
            var before = _log.Lines.Count;
            for (var i = 0; i < 4; i++)
            {
                _policy.Report([.. Enumerable.Range(0, 1000).Select(r => Growth((uint)r, 1))]);
                _time.Advance(TimeSpan.FromSeconds(15));
            }

            Assert.InRange(_log.Lines.Count - before, PolicyLog.MaxLines, PolicyLog.MaxLines + 1);
        }

        var missing = _log.Lines.Last(l => l.Contains("more rules are not logged yet", StringComparison.Ordinal));
        Assert.StartsWith("Warning", missing, StringComparison.Ordinal);
    }

    [Fact]
    public void More_rules_than_are_remembered_are_in_the_line_about_the_missing_ones()
    {
        _policy.Report([.. Enumerable.Range(0, PolicyLog.MaxRules + 10).Select(r => Growth((uint)r, 1))]);
        _time.Advance(PolicyLog.Interval);
        _policy.Report([]);
        var missing = Assert.Single(_log.Matching("not logged yet"));
        Assert.Equal(PolicyLog.MaxRules + 10 - PolicyLog.MaxLines, Packets(missing));
    }

    public void Dispose() => _log.Dispose();

    private static RuleGrowth Growth(uint rule, long packets) =>
        new(new RuleKey(rule, false), new CountedRule($"policy p ingress[{rule}]", "policy p", "ingress"), packets);

    private static long Packets(string line) => long.Parse(PacketsPattern().Match(line).Groups[1].ValueSpan);

    [GeneratedRegex("([0-9]+) packets by")]
    private static partial Regex PacketsPattern();
}
