using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ACCOffload.Integration.Tests.Monitoring;

/// <summary>The alert rules and the dashboard that the product ships.</summary>
internal static partial class MonitoringFiles
{
    public static string Alerts => Path.Combine(Repository.Root, "rootfs/monitoring/alerts.yml");

    public static string Dashboard => Path.Combine(Repository.Root, "rootfs/monitoring/dashboard.json");

    /// <summary>The names of all alerts.</summary>
    public static IReadOnlyList<string> AlertNames => [.. AlertName().Matches(File.ReadAllText(Alerts)).Select(m => m.Groups[1].Value)];

    /// <summary>The queries of all panels, with the dashboard's variables replaced as Grafana does for all machines.</summary>
    public static IReadOnlyList<string> Queries =>
    [
        .. JsonNode.Parse(File.ReadAllText(Dashboard))!["panels"]!.AsArray()
            .SelectMany(p => p!["targets"]?.AsArray() ?? [])
            .Select(t => (string)t!["expr"]!)
            .Select(q => q.Replace("$instance", ".*", StringComparison.Ordinal)
                .Replace("$__rate_interval", "1m", StringComparison.Ordinal)),
    ];

    /// <summary>The metrics that a text names, as docs/metrics.md lists them.</summary>
    public static IEnumerable<string> MetricsIn(string text) =>
        MetricName().Matches(text).Select(m => HistogramPart().Replace(m.Value, "")).Distinct(StringComparer.Ordinal);

    [GeneratedRegex(@"- alert: (\w+)")]
    private static partial Regex AlertName();

    [GeneratedRegex(@"accoffload_[a-z_]+(?=[{\[ )])")]
    private static partial Regex MetricName();

    [GeneratedRegex("(?<=_seconds)_(bucket|sum|count)$")]
    private static partial Regex HistogramPart();
}
