using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>ADD and DEL times of the whole process, compared with `bridge` and `host-local`: alternating, and 16 concurrently.</summary>
internal static partial class CniPlugins
{
    private const int Concurrent = 16;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync();
        var ours = new Side(CniHarness.Ours(lab), "ours");
        var reference = new Side(CniHarness.Bridge(lab), "reference");
        await AlternateAsync(lab, ours, reference, options.Rounds(25, 3));
        report.AddRatioAtMost("cni: ADD", Statistics.Median(ours.Adds), "ms", Statistics.Median(reference.Adds), 0.8);
        report.AddRatioAtMost("cni: DEL", Statistics.Median(ours.Deletes), "ms", Statistics.Median(reference.Deletes), 1.0);
        ours.Clear();
        reference.Clear();

        await OwnShareAsync(options, report);

        var namespaces = new string[Concurrent];
        for (var i = 0; i < Concurrent; i++)
        {
            namespaces[i] = await lab.AddNamespaceAsync($"many{i}");
        }

        for (var round = 0; round < options.Rounds(5, 1); round++)
        {
            foreach (var side in new[] { ours, reference })
            {
                await ConcurrentlyAsync(side, namespaces, round);
            }
        }

        report.AddCompared($"cni: {Concurrent} ADDs at once, until the last", Statistics.Median(ours.Adds), "ms",
            Statistics.Median(reference.Adds));
        report.AddCompared($"cni: {Concurrent} DELs at once, until the last", Statistics.Median(ours.Deletes), "ms",
            Statistics.Median(reference.Deletes));
    }

    /// <summary>
    /// Our own share of an ADD: the whole process minus the time of the IPAM plugin and of link operations, from the agent's log.
    /// </summary>
    private static async Task OwnShareAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true });
        lab.ChangeAgentConfig(config => config["Logging"] = new JsonObject { ["Features"] = new JsonObject { ["Cni"] = "Debug" } });
        await lab.StartManagerAsync();
        await lab.StartAgentAsync();
        var netns = await lab.AddNamespaceAsync("own");
        var harness = CniHarness.Ours(lab);
        var whole = new Dictionary<string, double>();
        for (var i = 0; i <= options.Rounds(25, 3); i++)
        {
            var (time, result) = await harness.AddAsync(netns, $"own{i}");
            await harness.DeleteAsync(netns, $"own{i}", result);
            if (i > 0)
            {
                whole[$"own{i}"] = time;
            }
        }

        var lines = TimesLine().Matches(lab.Agent!.Log).Where(m => whole.ContainsKey(m.Groups["id"].Value)).ToArray();
        if (lines.Length != whole.Count)
        {
            throw new InvalidOperationException($"the agent logged the times of {lines.Length} of {whole.Count} ADDs:\n{lab.Agent.Log}");
        }

        report.AddAtMost("cni: ADD, our own share",
            Statistics.Median(lines.Select(m => whole[m.Groups["id"].Value] - Of(m, "others"))), "ms", 5);
        report.Add("cni: ADD, before and after the agent (the plugin's process)",
            Statistics.Median(lines.Select(m => whole[m.Groups["id"].Value] - Of(m, "all"))), "ms");
        foreach (var (part, what) in new[] { ("ipam", "the IPAM plugin"), ("links", "link operations (concurrent with IPAM and the ACC)"),
            ("acc", "the ACC"), ("store", "the agent's two commits (the first concurrent with the inspection of the pod)") })
        {
            report.Add($"cni: ADD, {what}", Statistics.Median(lines.Select(m => Of(m, part))), "ms");
        }

        static double Of(Match match, string part) => double.Parse(match.Groups[part].Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"ADD of \S+?/(?<id>own\d+)/eth0: (?<all>[\d.]+) ms, (?<others>[\d.]+) of them .*IPAM (?<ipam>[\d.]+), links (?<links>[\d.]+), ACC (?<acc>[\d.]+), store (?<store>[\d.]+)")]
    private static partial Regex TimesLine();

    private static async Task AlternateAsync(Lab lab, Side ours, Side reference, int pairs)
    {
        var one = await lab.AddNamespaceAsync("one");
        var other = await lab.AddNamespaceAsync("other");
        // The first pair is warm-up: it creates the bridge and loads the executables.
        for (var pair = 0; pair <= pairs; pair++)
        {
            // The order alternates, so that neither side always benefits from the other's warm caches.
            var (first, second) = pair % 2 == 0 ? (ours, reference) : (reference, ours);
            foreach (var side in new[] { first, second })
            {
                var netns = ReferenceEquals(side, ours) ? one : other;
                var id = $"{side.Name}-{pair}";
                var (added, result) = await side.Harness.AddAsync(netns, id);
                var deleted = await side.Harness.DeleteAsync(netns, id, result);
                if (pair == 0)
                {
                    continue;
                }

                side.Adds.Add(added);
                side.Deletes.Add(deleted);
            }
        }
    }

    private static async Task ConcurrentlyAsync(Side side, string[] namespaces, int round)
    {
        string Id(int i) => $"{side.Name}-{round}-{i}";
        var started = Stopwatch.GetTimestamp();
        var results = await Task.WhenAll(namespaces.Select((netns, i) => side.Harness.AddAsync(netns, Id(i))));
        side.Adds.Add(Statistics.Milliseconds(started));
        started = Stopwatch.GetTimestamp();
        await Task.WhenAll(namespaces.Select((netns, i) => side.Harness.DeleteAsync(netns, Id(i), results[i].Result)));
        side.Deletes.Add(Statistics.Milliseconds(started));
    }

    private sealed record Side(CniHarness Harness, string Name)
    {
        public List<double> Adds { get; } = [];

        public List<double> Deletes { get; } = [];

        public void Clear()
        {
            Adds.Clear();
            Deletes.Clear();
        }
    }
}
