using System.Diagnostics;
using System.Text.Json.Nodes;
using ACCOffload.Benchmarks.Measuring;
using ACCOffload.Benchmarks.Nodes;
using ACCOffload.Protos.V1;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Labs;

namespace ACCOffload.Benchmarks;

/// <summary>
/// A cluster of 1,000 other nodes on a fake API server, all on the uplink's network: filling an empty node, adding and removing a node,
/// memory of the control plane, and its restart while the target keeps running. Everything is compared with a cluster of one other node.
/// </summary>
internal static class NodeScale
{
    private const int Nodes = 1000;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        var one = await MeasureAsync(1, options);
        var many = await MeasureAsync(Nodes, options);
        report.Add($"nodes: {Nodes} into an empty node, from process start", many.Fill, "s");
        report.AddAtMost("nodes: table entries for each node", (many.Entries - one.Entries) / (Nodes - 1), "entries", 1);
        report.AddAtMost($"nodes: one added to or removed from {Nodes}, entries written", many.ChangeUpdates, "entries", 1);
        report.AddCompared($"nodes: one added to or removed from {Nodes}, from the API server to the tables", many.ChangeTime, "ms",
            one.ChangeTime);
        report.Add("nodes: memory of inframanager for each node", (many.Resident - one.Resident) * 1024 / (Nodes - 1), "KiB");
        report.AddCompared($"nodes: process to {Nodes} nodes read back and verified", many.Restart, "ms", one.Restart);
    }

    private static async Task<Measured> MeasureAsync(int nodes, BenchOptions options)
    {
        using var pki = new TestPki(DateTimeOffset.UtcNow);
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await using var api = await FakeApiServer.StartAsync(pki.IssueServer(), lab.AccNamespace);
        api.Put(Kube.Node("node-1", "a"));
        for (var i = 1; i <= nodes; i++)
        {
            api.Put(Node(i));
        }

        api.Compact();
        BenchNode.Watch(lab, api, pki);
        lab.ChangeManagerConfig(SetUplink);
        await lab.StartTargetAsync();

        var started = Stopwatch.GetTimestamp();
        await lab.StartManagerAsync(waitReady: false);
        var status = await SettledAsync(lab, nodes);
        var fill = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var entries = (double)status.TableEntries;

        var changes = new List<double>();
        var updates = new List<double>();
        for (var round = 0; round < options.Rounds(21, 3); round++)
        {
            foreach (var isAdded in new[] { true, false })
            {
                var before = await SettledAsync(lab, nodes);
                var changing = Stopwatch.GetTimestamp();
                if (isAdded)
                {
                    api.Put(Node(nodes + 1));
                }
                else
                {
                    api.Delete(Kube.Nodes, Kube.NameOf(Node(nodes)));
                }

                nodes += isAdded ? 1 : -1;
                status = await StatusAsync(lab, nodes, isAdded ? before.TableEntries + 1 : before.TableEntries - 1);
                changes.Add(Statistics.Milliseconds(changing));
                updates.Add(status.UpdatesSent - before.UpdatesSent);
            }
        }

        var resident = BenchNode.ResidentMegabytes(lab.Manager!.Id);
        var restart = await BenchNode.RestartAsync(lab, options.Rounds(5, 1), () => StatusAsync(lab, nodes, (ulong)entries));
        return new Measured(fill, entries, Statistics.Median(updates), Statistics.Median(changes), resident, restart);
    }

    // The watch counts a node before its rows are written.
    private static async Task<GetStatusReply> SettledAsync(Lab lab, int nodes)
    {
        using var channel = Channels.Control(lab);
        var client = new Control.ControlClient(channel);
        do
        {
            await StatusAsync(lab, nodes);
        }
        while ((await client.ListNodesAsync(new ListNodesRequest(), deadline: BenchNode.Deadline())).Nodes.Count != nodes);

        return await StatusAsync(lab, nodes);
    }

    private static Task<GetStatusReply> StatusAsync(Lab lab, int nodes, ulong? entries = null) => BenchNode.StatusAsync(
        lab,
        s => s is { Reconciled: true, QueueLength: 0, PendingEntries: 0, Watch: { Synced: true, Pending: 0 } }
            && s.Watch.Kinds.Any(k => k.Kind == "Nodes" && k.Objects == (ulong)nodes) && (entries is null || s.TableEntries == entries),
        TimeSpan.FromMinutes(2));

    private static string NameOf(int number) => $"other-{number}";

    private static JsonObject Node(int number) => Kube.Node(NameOf(number), "a").WithAddresses(
        [$"10.200.{(number / 250) + 1}.{number % 250}"], $"10.{128 + (number / 256)}.{number % 256}.0/24");

    private static void SetUplink(JsonNode configuration)
    {
        configuration["Node"]!["ClusterRanges"] = new JsonArray("10.128.0.0/9");
        configuration["Node"]!["Uplink"] = new JsonObject
        {
            ["Port"] = "uplink0",
            ["Mac"] = "02:00:00:00:00:01",
            ["Addresses"] = new JsonArray("10.200.0.1/16"),
            ["Routes"] = new JsonArray("0.0.0.0/0 via 10.200.0.2"),
        };
    }

    private sealed record Measured(double Fill, double Entries, double ChangeUpdates, double ChangeTime, double Resident, double Restart);
}
