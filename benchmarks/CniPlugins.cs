using System.Diagnostics;
using ACCOffload.Integration.Lab;

namespace ACCOffload.Benchmarks;

/// <summary>ADD and DEL as a runtime feels them, whole process, against `bridge` with `host-local`: in turns, and 16 at once.</summary>
internal static class CniPlugins
{
    private const int Concurrent = 16;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        await using var lab = await Lab.StartAsync();
        var ours = new Side(CniHarness.Ours(lab), "ours");
        var reference = new Side(CniHarness.Bridge(lab), "reference");
        await InTurnsAsync(lab, ours, reference, options.Rounds(25, 3));
        report.AddRatioAtMost("cni: ADD", Statistics.Median(ours.Adds), "ms", Statistics.Median(reference.Adds), 0.8);
        report.AddRatioAtMost("cni: DEL", Statistics.Median(ours.Deletes), "ms", Statistics.Median(reference.Deletes), 1.0);
        ours.Clear();
        reference.Clear();

        var namespaces = new string[Concurrent];
        for (var i = 0; i < Concurrent; i++)
            namespaces[i] = await lab.AddNamespaceAsync($"many{i}");
        for (var round = 0; round < options.Rounds(5, 1); round++)
        {
            foreach (var side in new[] { ours, reference })
                await AtOnceAsync(side, namespaces, round);
        }

        report.AddCompared($"cni: {Concurrent} ADDs at once, until the last", Statistics.Median(ours.Adds), "ms", Statistics.Median(reference.Adds));
        report.AddCompared($"cni: {Concurrent} DELs at once, until the last", Statistics.Median(ours.Deletes), "ms", Statistics.Median(reference.Deletes));
    }

    private static async Task InTurnsAsync(Lab lab, Side ours, Side reference, int pairs)
    {
        var one = await lab.AddNamespaceAsync("one");
        var other = await lab.AddNamespaceAsync("other");
        // The first pair makes the bridge and reads the executables from the disk.
        for (var pair = 0; pair <= pairs; pair++)
        {
            // Who goes first changes, so that neither always finds the other's caches.
            var (first, second) = pair % 2 == 0 ? (ours, reference) : (reference, ours);
            foreach (var side in new[] { first, second })
            {
                var netns = ReferenceEquals(side, ours) ? one : other;
                var id = $"{side.Name}-{pair}";
                var (added, result) = await side.Harness.AddAsync(netns, id);
                var deleted = await side.Harness.DeleteAsync(netns, id, result);
                if (pair == 0)
                    continue;
                side.Adds.Add(added);
                side.Deletes.Add(deleted);
            }
        }
    }

    private static async Task AtOnceAsync(Side side, string[] namespaces, int round)
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
