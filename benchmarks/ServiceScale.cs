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
/// A cluster of 10,000 services with 10 endpoints each on a fake API server: filling an empty node, changing one endpoint of one service,
/// memory of the control plane, and its restart while the target keeps running. The change is compared with a cluster of one service.
/// </summary>
internal static class ServiceScale
{
    private const int Services = 10_000;
    private const int EndpointsEach = 10;
    private const int Pods = 250;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        var services = options.Quick ? Services / 10 : Services;
        var one = await MeasureAsync(1, 0, options);
        var many = await MeasureAsync(services, Pods, options);
        var size = $"{services} x {EndpointsEach}";
        report.Add($"services: {size} into an empty node, from process start", many.Fill, "s");
        report.Add($"services: {size}, table entries", many.Entries, "entries");
        report.Add($"services: {size}, entries written per second", many.Entries / many.Fill, "entries/s");
        report.AddRatioAtMost($"services: one endpoint changed among {size}, entries written", many.ChangeUpdates, "entries",
            one.ChangeUpdates, 1);
        report.AddRatioAtMost($"services: the first change of the endpoints of one among {size}, entries written", many.FirstUpdates,
            "entries", one.FirstUpdates, 1);
        report.AddCompared($"services: one endpoint changed among {size}, from the API server to the tables", many.ChangeTime, "ms",
            one.ChangeTime);
        report.AddAtMost($"services: VmRSS of inframanager, {size} and {Pods} endpoints", many.Resident, "MB", 128);
        report.AddAtMost($"services: process to {size} and {Pods} endpoints read back and verified", many.Restart, "ms", 3000);
        report.AddAtMost($"services: VmRSS of inframanager after a restart, {size} and {Pods} endpoints",
            many.ResidentAfterRestart, "MB", 128);
    }

    private static async Task<Measured> MeasureAsync(int services, int pods, BenchOptions options)
    {
        using var pki = new TestPki(DateTimeOffset.UtcNow);
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await using var api = await FakeApiServer.StartAsync(pki.IssueServer(), lab.AccNamespace);
        api.Put(Kube.Node("node-1", "a"));
        for (var i = 0; i < services; i++)
        {
            api.Put(Kube.Web(ClusterIp(i), $"web-{i}"), Slice(i, 0));
        }
        // Drop the history, which no watch needs and which would slow down garbage collection.
        api.Compact();
        BenchNode.Watch(lab, api, pki);
        await lab.StartTargetAsync();

        var started = Stopwatch.GetTimestamp();
        await lab.StartManagerAsync(waitReady: false);
        var status = await SettledAsync(lab, services, 0);
        var fill = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var entries = (double)status.TableEntries;
        await BenchNode.AttachAsync(lab, pods, 32);

        var changes = new List<double>();
        var updates = new List<double>();
        for (var round = 0; round < options.Rounds(21, 3); round++)
        {
            var before = (await SettledAsync(lab, services, pods)).UpdatesSent;
            var changing = Stopwatch.GetTimestamp();
            // Always the same service: its first change creates the succession of its backends, too.
            api.Put(Slice(7919 % services, round + 1));
            status = await BenchNode.StatusAsync(lab, s => s.UpdatesSent > before && IsSettled(s, services, pods),
                TimeSpan.FromSeconds(60));
            changes.Add(Statistics.Milliseconds(changing));
            updates.Add(status.UpdatesSent - before);
        }

        var resident = BenchNode.ResidentMegabytes(lab.Manager!.Id);
        var restart = await BenchNode.RestartAsync(
            lab, options.Rounds(5, 1),
            () => BenchNode.StatusAsync(lab,
                s => s is { CanAttach: true, Reconciled: true } && s.Services == services && s.Endpoints == pods, TimeSpan.FromMinutes(2)),
            () => SettledAsync(lab, services, pods));
        return new Measured(
            fill, entries, updates[0], Statistics.Median(updates), Statistics.Median(changes), resident, restart,
            BenchNode.ResidentMegabytes(lab.Manager!.Id));
    }

    private static Task<GetStatusReply> SettledAsync(Lab lab, int services, int pods) =>
        BenchNode.StatusAsync(lab, s => IsSettled(s, services, pods), TimeSpan.FromMinutes(10));

    private static bool IsSettled(GetStatusReply status, int services, int pods) =>
        status is { CanAttach: true, Reconciled: true, QueueLength: 0, PendingEntries: 0, Watch: { Synced: true, Pending: 0 } }
        && status.Services == services && status.Endpoints == pods;

    private static string ClusterIp(int service) => $"10.{96 + (service / 65_536)}.{service / 256 % 256}.{service % 256}";

    /// <summary>The slice of a service. Each generation has another first endpoint.</summary>
    private static JsonObject Slice(int service, int generation) => Kube.Slice(
        $"web-{service}-abcde", $"web-{service}", [("", "TCP", 8080)],
        [.. Enumerable.Range(0, EndpointsEach)
            .Select(i => Kube.Endpoint(Address((service * EndpointsEach) + i, i == 0 ? generation : 0), "node-2"))]);

    private static string Address(int endpoint,
        int generation) => $"10.{128 + (generation * 2) + (endpoint / 65_536)}.{endpoint / 256 % 256}.{endpoint % 256}";

    private sealed record Measured(
        double Fill, double Entries, double FirstUpdates, double ChangeUpdates, double ChangeTime, double Resident, double Restart,
        double ResidentAfterRestart);
}
