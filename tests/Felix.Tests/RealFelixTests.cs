using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using ACCOffload.Felix.Tests.Calico;
using ACCOffload.Felix.Tests.Setup;

namespace ACCOffload.Felix.Tests;

/// <summary>
/// The product driven by a real Felix: a cluster of 10,000 endpoints, 99 of them of this node, and 1,000 policies. After each change the
/// target's rows say what the datastore says; while it takes effect, no packet arrives that is denied before and after it.
/// </summary>
public sealed class RealFelixTests(ITestOutputHelper output)
{
    private const int Local = 99;
    private const int Namespaces = 10;
    private const int Apps = 50;
    private const int Members = 50_000;
    private const int Questions = 60;

    private const string Server = "server";
    private const string Always = "always";
    private const string InA = "ina";
    private const string InB = "inb";
    private const string Never = "never";

    // Nobody is selected by it; its addresses count.
    private const string Set = "many";

    private static readonly int Endpoints = RunSettings.Number("ACCOFFLOAD_TEST_FELIX_ENDPOINTS", 10_000);
    private static readonly int Policies = RunSettings.Number("ACCOFFLOAD_TEST_FELIX_POLICIES", 1_000);

    private readonly Random _random = new(RunSettings.Seed);
    private FelixNode _node = null!;
    private Traffic _traffic = null!;

    [Fact]
    public async Task Each_change_is_enforced_and_nothing_leaks_meanwhile()
    {
        Needs.Lab();
        Needs.NotMissing(FelixPrograms.Missing);
        output.WriteLine($"seed {RunSettings.Seed}, {FelixPrograms.Felix}");
        await using var node = _node = await FelixNode.StartAsync(_random);
        await FillAsync();
        await using var traffic = _traffic = await Traffic.StartAsync(node, Server, Always, InA, InB, Never);

        await StepAsync("start", node.StartFelixAsync);
        await StepAsync("a rule changed", () => PutAsync(Other(InB)));
        await StepAsync("back", () => PutAsync(Other(InA)));
        await StepAsync("an order changed", () => PutAsync(Stop(InA) with { Order = 1 }));
        await StepAsync("back", () => PutAsync(Stop(InA)));
        await StepAsync("a rule by a set of 50,000 members", () => PutAsync(Other(Set)));
        await StepAsync("a member less", () => PutSetAsync(node.Cluster.Sets[Set].Remove(Address(InA))));
        await StepAsync("another member more", () => PutSetAsync(node.Cluster.Sets[Set].Add(Address(InA)).Remove(Address(InB))));
        await StepAsync("half of the members replaced", () => PutSetAsync([.. Some(2).Append(Address(InB))]));
        await StepAsync("back", () => PutAsync(Other(InA)));
        await StepAsync("a staged policy", () => PutAsync(Stop(InA) with { Name = "staged", Order = 1, IsStaged = true }));
        await StepAsync("a pod's label changed", () => PutAsync(node.Cluster.Endpoints[Address(InA)] with { App = "other" }));
        await StepAsync("back", () => PutAsync(node.Cluster.Endpoints[Address(InA)] with { App = InA }));

        await StepAsync("Felix killed, a rule changed while it is away", async () =>
        {
            await node.Felix.KillAsync();
            await _traffic.GrowsAsync();
            await PutAsync(Other(InB));
            await node.StartFelixAsync();
        });
        await StepAsync("the driver killed, a rule changed while Felix is away", async () =>
        {
            await node.Felix.KillDriverAsync();
            await node.Felix.WaitAsync();
            await _traffic.GrowsAsync();
            await PutAsync(Other(InA));
            await node.StartFelixAsync();
        });
        await StepAsync("etcd away, then a rule changed", async () =>
        {
            await node.Etcd.KillAsync();
            await _traffic.GrowsAsync();
            await Task.Delay(TimeSpan.FromSeconds(5));
            await node.Etcd.StartAsync();
            await PutAsync(Other(InB));
        });
        await StepAsync("inframanager killed; Felix starts again", async () =>
        {
            await node.Lab.KillManagerAsync();
            await node.Lab.StartManagerAsync(waitReady: false);
            await node.Felix.WaitAsync();
            await node.StartFelixAsync();
        });
        output.WriteLine($"{traffic.Sent} packets sent; arrived: {traffic.Arrived}");
    }

    private string Address(string pod) => _node.Pods[pod].Address;

    private async Task StepAsync(string what, Func<Task> change)
    {
        var started = Stopwatch.GetTimestamp();
        await _traffic.FollowAsync(change);
        await _node.InSyncAsync();
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var (points, packets) = await _node.VerifyAsync(Questions);
        await _traffic.GrowsAsync();
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{what}: in force and settled after {seconds:0.0} s; {points} points equal, {packets} packets"));
    }

    private async Task PutAsync(CalicoPolicy policy)
    {
        _node.Cluster = _node.Cluster.With(policy);
        await _node.Etcd.PutAsync(CalicoResource.Of(policy));
    }

    private async Task PutAsync(CalicoEndpoint endpoint)
    {
        _node.Cluster = _node.Cluster.With(endpoint);
        await _node.Etcd.PutAsync(CalicoResource.Of(endpoint));
    }

    private async Task PutSetAsync(ImmutableHashSet<string> members)
    {
        _node.Cluster = _node.Cluster.With(Set, members);
        await _node.Etcd.PutAsync(CalicoResource.OfSet(Set, members));
    }

    /// <summary>Fills the datastore, and attaches the pods of this node.</summary>
    private async Task FillAsync()
    {
        foreach (var name in (string[])[Server, Always, InA, InB, Never])
        {
            await _node.AddPodAsync(name, "ns0", name);
        }

        for (var i = _node.Pods.Count; i < Local; i++)
        {
            await _node.AddPodAsync($"pod{i}", Namespace(i), App());
        }

        for (var i = Local; i < Endpoints; i++)
        {
            var address = $"10.65.{i >> 8}.{i & 255}";
            _node.Cluster = _node.Cluster.With(new CalicoEndpoint(Namespace(i), $"pod{i}", "node-2", address, App()));
        }

        var special = new[] { Of("base", 5, [Allow(Always)]), Other(InA), Stop(InA) };
        foreach (var policy in Enumerable.Range(0, Policies - special.Length).Select(Policy).Concat(special))
        {
            _node.Cluster = _node.Cluster.With(policy);
        }

        _node.Cluster = _node.Cluster.With(Set, Some(1).Append(Address(InA)).Append(Address(InB)).ToImmutableHashSet());
        await _node.Etcd.PutAsync(_node.Cluster.Endpoints.Values.Select(CalicoResource.Of));
        await _node.Etcd.PutAsync(_node.Cluster.Policies.Values.Select(CalicoResource.Of));
        await _node.Etcd.PutAsync(CalicoResource.OfSet(Set, _node.Cluster.Sets[Set]));
        await _node.Etcd.PutAsync(CalicoResource.Basics(FelixNode.Name, "192.0.2.1", Enumerable.Range(0, Namespaces).Select(Namespace)));
    }

    private static string Namespace(int number) => $"ns{number % Namespaces}";

    private string App() => $"a{_random.Next(Apps)}";

    /// <summary>What is allowed to send to the server, apart from the pod that always is.</summary>
    private static CalicoPolicy Other(params string[] apps) => Of("other", 10, [.. apps.Select(Allow)]);

    /// <summary>Denies what the policy before it allows: without effect, until it stands before that.</summary>
    private static CalicoPolicy Stop(string app) => Of("stop", 30, [new CalicoRule("Deny", App: app)]);

    private static CalicoPolicy Of(string name, double order, IReadOnlyList<CalicoRule> ingress) =>
        new("security", "", name, order, Server, ingress, null);

    private static CalicoRule Allow(string app) => new("Allow", "UDP", Traffic.Port, app);

    /// <summary>A random policy of the other pods.</summary>
    private CalicoPolicy Policy(int number)
    {
        var isGlobal = number % 3 == 0;
        var directions = _random.Next(3);
        return new CalicoPolicy(
            isGlobal ? "security" : "default", isGlobal ? "" : Namespace(number), $"p{number}", 100 + number, App(),
            directions != 1 ? Rules() : null, directions != 0 ? Rules() : null);
    }

    private IReadOnlyList<CalicoRule> Rules() =>
    [
        .. Enumerable.Range(0, _random.Next(4)).Select(_ => new CalicoRule(
            Any("Allow", "Allow", "Deny", "Pass", "Log"), Any("", "TCP", "UDP"), 0, _random.Next(3) == 0 ? "" : App(),
            _random.Next(4) == 0 ? Any("10.65.0.0/20", "10.244.1.0/26", "10.0.0.0/8") : ""))
            .Select(r => r.Protocol.Length > 0 && _random.Next(2) == 0 ? r with { Port = 8080 + _random.Next(2) } : r),
    ];

    /// <summary>Addresses that no pod has; half of them differ from those with another number.</summary>
    private static IEnumerable<string> Some(int number) =>
        Enumerable.Range(0, Members).Select(i => (i % 2 == 0 ? 0 : number, i)).Select(n => $"172.{16 + n.Item1}.{n.i >> 8}.{n.i & 255}");

    private string Any(params string[] list) => list[_random.Next(list.Length)];
}
