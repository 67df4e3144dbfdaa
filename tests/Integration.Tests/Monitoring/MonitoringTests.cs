using System.Text.RegularExpressions;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Metrics;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests.Monitoring;

/// <summary>The alert rules and the dashboard, with a real Prometheus.</summary>
public sealed partial class MonitoringTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Each_alert_fires_by_the_values_that_it_is_for()
    {
        Needs.NotMissing(Promtool.Missing);
        var tests = Path.Combine(Repository.Root, "tests/Integration.Tests/Monitoring/alerts.test.yml");
        var run = await Shell.RunAsync(null, Promtool.Path, ["test", "rules", tests]);
        Assert.True(run.ExitCode == 0, $"{run.Output}{run.Error}");
        var text = await File.ReadAllTextAsync(tests);
        Assert.All(MonitoringFiles.AlertNames, a => Assert.Contains(a, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Alerts_and_dashboard_name_documented_metrics_and_existing_pages()
    {
        var documented = new[] { "## inframanager", "## The agent" }.SelectMany(h => Scrape.Documented(Repository.Root, h).Keys).ToHashSet();
        var alerts = File.ReadAllText(MonitoringFiles.Alerts);
        var used = MonitoringFiles.MetricsIn(string.Join('\n', Expression().Matches(alerts).Select(m => $"{m.Value} ")))
            .Concat(MonitoringFiles.Queries.SelectMany(q => MonitoringFiles.MetricsIn($"{q} "))).Distinct().ToList();
        Assert.Empty(used.Except(documented));
        // Each metric is worth a panel or an alert.
        Assert.Empty(documented.Except(used));

        var pages = Runbook().Matches(alerts).Select(m => (Page: m.Groups[1].Value, Heading: m.Groups[2].Value)).ToList();
        Assert.Equal(MonitoringFiles.AlertNames.Count, pages.Count);
        Assert.All(pages, p =>
        {
            var headings = File.ReadLines(Path.Combine(Repository.Root, p.Page)).Where(l => l.StartsWith('#'))
                .Select(l => l.TrimStart('#').Trim().ToLowerInvariant().Replace(' ', '-').Replace(",", "", StringComparison.Ordinal));
            Assert.True(p.Heading.Length == 0 || headings.Contains(p.Heading), $"{p.Page} has no heading {p.Heading}");
        });
    }

    [Fact]
    public async Task Prometheus_scrapes_both_daemons_and_alerts_name_what_fails()
    {
        Needs.Lab();
        Needs.NotMissing(PrometheusServer.Missing);
        await using var lab = await MonitoredLab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        await using var prometheus = await PrometheusServer.StartAsync(lab);
        await Eventually.TrueAsync(async () => (await prometheus.QueryAsync("up == 1")).Count == 2, "both daemons are scraped");

        // All rules can be evaluated, and a healthy node causes no alert.
        await Eventually.TrueAsync(
            async () => (await prometheus.RulesAsync()).All(r => (string?)r["health"] == "ok"), "all rules have been evaluated");
        Assert.Equal(MonitoringFiles.AlertNames, (await prometheus.RulesAsync()).Select(r => (string)r["name"]!));
        await Eventually.TrueAsync(async () => (await prometheus.AlertsAsync()).Count == 0, "no alert");

        // Rates need a second scrape.
        var empty = new List<string>();
        await Eventually.TrueAsync(async () => (await prometheus.QueryAsync("count_over_time(up[1m]) >= 5")).Count == 2, "a few scrapes");
        foreach (var query in MonitoringFiles.Queries)
        {
            if ((await prometheus.QueryAsync(query)).Count == 0)
            {
                empty.Add(query);
            }
        }

        output.WriteLine($"{MonitoringFiles.Queries.Count} queries; without a value on a healthy node without a cluster:");
        empty.ForEach(output.WriteLine);
        // Queries of what is wrong, of policy, and of the watch of a cluster have none here.
        Assert.All(empty, q => Assert.Matches("== 0|> 0|difference_info|policy|watch_age", q));

        await lab.StopManagerAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                var alerts = await prometheus.AlertsAsync();
                return alerts.Contains("AccoffloadDown") && alerts.Contains("AccoffloadAccDisconnected")
                    && alerts.Contains("AccoffloadConditionNotMet");
            },
            "alerts for the daemon that is away");
        var down = Assert.Single(await prometheus.QueryAsync("up{accoffload!=\"\"} == 0"));
        Assert.Equal("inframanager", (string?)down!["metric"]!["accoffload"]);
    }

    [GeneratedRegex("(?<=expr: ).*")]
    private static partial Regex Expression();

    [GeneratedRegex(@"runbook: (\S+\.md)#?(\S*)")]
    private static partial Regex Runbook();
}
