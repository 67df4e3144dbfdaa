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
/// A cluster of 10,000 pods, 250 of them on this node, and 1,000 NetworkPolicies with 10 rules each, on a fake API server: filling an
/// empty node, a pod that comes, a policy that changes, memory of the control plane, and its restart while the target keeps running.
/// Everything is compared with the same node without policies.
/// </summary>
internal static class PolicyScale
{
    private const int Namespaces = 100;
    private const int Apps = 10;
    private const int Rules = 10;
    private const int Local = 250;

    // The sets of a policy differ by their port, so that no two policies share their rows.
    private const int FirstPort = 8000;

    public static async Task RunAsync(BenchOptions options, Report report)
    {
        PolicyForwarding.Run(options, report);
        var pods = options.Quick ? 1000 : 10_000;
        var none = await MeasureAsync(pods, 0, options);
        var many = await MeasureAsync(pods, Apps, options);
        var size = $"{Namespaces * Apps * Rules} rules, {pods} pods, {Local} on the node";
        report.Add($"policy: {size}: into an empty node, from process start", many.Fill, "s");
        report.AddCompared($"policy: {size}: table entries (reference: no policies)", many.Entries, "entries", none.Entries);
        report.AddAtMost($"policy: a pod whose labels are known, entries written", many.KnownPod, "entries", 2);
        report.Add($"policy: a pod whose labels are new, entries written", many.NewPod, "entries");
        report.Add($"policy: a rule added to or removed from one policy, entries written", many.ChangeUpdates, "entries");
        report.Add($"policy: the same, from the API server to the last row, median", Statistics.Median(many.Changes), "ms");
        report.AddAtMost($"policy: the same, 99th percentile", Percentile(many.Changes, 99), "ms", 100);
        report.AddCompared($"policy: VmRSS of inframanager, {size} (reference: no policies)", many.Resident, "MB", none.Resident);
        report.AddCompared(
            $"policy: process to {Local} endpoints read back and verified, {size} (reference: no policies)", many.Restart, "ms",
            none.Restart);
        report.Add($"policy: ctl verify policy, {size}", many.Verification, "s");
    }

    private static async Task<Measured> MeasureAsync(int pods, int policiesEach, BenchOptions options)
    {
        using var pki = new TestPki(DateTimeOffset.UtcNow);
        await using var lab = await Lab.StartAsync(new LabOptions { Bare = true, SeparateTarget = true });
        await using var api = await FakeApiServer.StartAsync(pki.IssueServer(), lab.AccNamespace);
        api.Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        for (var ns = 0; ns < Namespaces; ns++)
        {
            api.Put(Kube.Namespace($"ns-{ns}", ("kubernetes.io/metadata.name", $"ns-{ns}")));
            for (var app = 0; app < policiesEach; app++)
            {
                api.Put(Policy(ns, app, false));
            }
        }

        for (var pod = 0; pod < pods; pod++)
        {
            api.Put(Pod(pod));
        }

        // Drop the history, which no watch needs and which would slow down garbage collection.
        api.Compact();
        BenchNode.Watch(lab, api, pki);
        await lab.StartTargetAsync();

        var started = Stopwatch.GetTimestamp();
        await lab.StartManagerAsync(waitReady: false);
        await SettledAsync(lab, 0);
        await BenchNode.AttachAsync(lab, Local, 32, i => ($"ns-{i % Namespaces}", $"bench-{i}"));
        var status = await SettledAsync(lab, Local);
        var fill = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var entries = (double)status.TableEntries;

        var (known, added, updates, changes) = (0d, 0d, new List<double>(), new List<double>());
        if (policiesEach > 0)
        {
            known = (await ChangeAsync(lab, () => api.Put(Pod(pods)))).Updates;
            added = (await ChangeAsync(lab, () => api.Put(Pod(pods + 1).WithLabel("version", "new")))).Updates;
            for (var round = 0; round < options.Rounds(101, 5); round++)
            {
                // Each time a policy of other local pods.
                var (sent, time) = await ChangeAsync(lab, () => api.Put(Policy(round % Namespaces, AppOf(round % Namespaces), true)));
                updates.Add(sent);
                changes.Add(time);
                api.Put(Policy(round % Namespaces, AppOf(round % Namespaces), false));
                await SettledAsync(lab, Local);
            }
        }

        var resident = BenchNode.ResidentMegabytes(lab.Manager!.Id);
        var restart = await BenchNode.RestartAsync(
            lab, options.Rounds(5, 1),
            () => BenchNode.StatusAsync(
                lab, s => s is { CanAttach: true, Reconciled: true } && s.Endpoints == Local, TimeSpan.FromMinutes(2)),
            () => SettledAsync(lab, Local));
        var verification = 0d;
        if (policiesEach > 0)
        {
            started = Stopwatch.GetTimestamp();
            await lab.ControlAsync("verify", "policy");
            verification = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }

        return new Measured(
            fill, entries, known, added, updates.Count == 0 ? 0 : Statistics.Median(updates), changes, resident,
            restart, verification);
    }

    /// <summary>Changes an object and waits until no row follows any more.</summary>
    /// <returns>The number of rows that were written, and the milliseconds until the last of them.</returns>
    private static async Task<(double Updates, double Milliseconds)> ChangeAsync(Lab lab, Action change)
    {
        var before = (await SettledAsync(lab, Local)).UpdatesSent;
        var started = Stopwatch.GetTimestamp();
        change();
        var status = await BenchNode.StatusAsync(lab, s => s.UpdatesSent > before, TimeSpan.FromSeconds(60));
        var (last, at) = (status.UpdatesSent, Statistics.Milliseconds(started));
        // A change is written in steps: the last step is the one that none follows.
        for (var quiet = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(quiet) < TimeSpan.FromMilliseconds(250);)
        {
            status = await SettledAsync(lab, Local);
            if (status.UpdatesSent != last)
            {
                (last, at, quiet) = (status.UpdatesSent, Statistics.Milliseconds(started), Stopwatch.GetTimestamp());
            }

            await Task.Delay(1);
        }

        return (last - before, at);
    }

    private static Task<GetStatusReply> SettledAsync(Lab lab, int pods) => BenchNode.StatusAsync(
        lab,
        s => s is { CanAttach: true, Reconciled: true, QueueLength: 0, PendingEntries: 0, Watch: { Synced: true, Pending: 0 } }
            && s.Endpoints == pods && s.Conditions.All(c => c.Name != "Policy" || c.Ok),
        TimeSpan.FromMinutes(10));

    /// <summary>Pods with the same namespace and app have equal labels. The first ones are on this node.</summary>
    private static JsonObject Pod(int pod)
    {
        var ns = pod % Namespaces;
        var isLocal = pod < Local;
        var address = isLocal ? $"10.244.1.{pod + 2}" : $"10.{128 + (pod / 65_536)}.{pod / 256 % 256}.{pod % 256}";
        return Kube.Pod($"ns-{ns}", $"bench-{pod}", address, ("app", $"app-{pod / Namespaces % Apps}"))
            .With("spec.nodeName", isLocal ? "node-1" : "node-2");
    }

    /// <summary>An app that has a pod on this node.</summary>
    private static int AppOf(int ns) => ns % 2;

    /// <summary>Allows each app of this namespace and of the next one to reach a port of its own.</summary>
    private static JsonObject Policy(int ns, int app, bool hasExtraRule)
    {
        var rules = new JsonArray();
        for (var rule = 0; rule < Rules + (hasExtraRule ? 1 : 0); rule++)
        {
            var peer = new JsonObject { ["podSelector"] = Labels("app", $"app-{(app + rule) % Apps}") };
            if (rule % 2 == 1)
            {
                peer["namespaceSelector"] = Labels("kubernetes.io/metadata.name", $"ns-{(ns + 1) % Namespaces}");
            }

            rules.Add(new JsonObject
            {
                ["from"] = new JsonArray(peer),
                ["ports"] = new JsonArray(new JsonObject { ["protocol"] = "TCP", ["port"] = FirstPort + (app * 100) + rule }),
            });
        }

        return Kube.NetworkPolicy($"ns-{ns}", $"policy-{app}")
            .With("spec.podSelector", Labels("app", $"app-{app}"))
            .With("spec.ingress", rules);
    }

    private static JsonObject Labels(string key, string value) => new() { ["matchLabels"] = new JsonObject { [key] = value } };

    private static double Percentile(List<double> values, int percent)
    {
        var ordered = values.Order().ToList();
        return ordered[Math.Min(ordered.Count - 1, ordered.Count * percent / 100)];
    }

    private sealed record Measured(
        double Fill, double Entries, double KnownPod, double NewPod, double ChangeUpdates, List<double> Changes, double Resident,
        double Restart, double Verification);
}
