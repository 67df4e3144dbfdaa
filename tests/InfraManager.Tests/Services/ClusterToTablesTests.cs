using System.Net;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Compile;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.SoftTarget;
using ACCOffload.SoftTarget.Server;
using ACCOffload.TestKit.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>End to end: a fake API server, the watch, the programmer with its database, and the soft target's P4Runtime server.</summary>
public sealed class ClusterToTablesTests : IAsyncLifetime
{
    private readonly Folder _folder = new();
    private ClusterFixture _cluster = null!;
    private SoftTargetHost _target = null!;
    private Run _run = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync();
        var options = new SoftTargetOptions { Listen = [$"unix:{_folder.At("p4.sock")}"], ServePorts = false };
        _target = await SoftTargetHost.StartAsync(options, NullLoggerFactory.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        if (_run is not null)
        {
            await _run.DisposeAsync();
        }

        await _target.DisposeAsync();
        await _cluster.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_tables_follow_the_cluster_and_a_restart_writes_only_changes()
    {
        var ranged = Kube.Service("open", "10.96.0.20", ("", "TCP", 80, 0)).With("spec.type", "LoadBalancer")
            .With("status.loadBalancer.ingress", new JsonArray(new JsonObject { ["ip"] = "203.0.113.7" }))
            .With("spec.loadBalancerSourceRanges", new JsonArray("198.51.100.0/24", "0.0.0.0/0"));
        var openSlice = Kube.Slice("o", "open", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.9"));
        _cluster.Server.ReplaceAll(
            [Kube.Web(), Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.250.1.2", "node-2")), ranged, openSlice]);
        _run = new Run(_folder, _cluster);
        await AssertTablesAsync(
            """
            10.96.0.10:80/6 inside: [10.244.1.1:8080, 10.250.1.2:8080] affinity 0 pool 0
            10.96.0.10:80/6 outside: [10.244.1.1:8080, 10.250.1.2:8080] affinity 0 pool 1
            10.96.0.20:80/6 inside: [10.244.1.9:8080] affinity 0 pool 0
            10.96.0.20:80/6 outside: [10.244.1.9:8080] affinity 0 pool 1
            203.0.113.7:80/6 inside: [10.244.1.9:8080] affinity 0 from 0.0.0.0/0, 198.51.100.0/24 pool 1
            203.0.113.7:80/6 outside: [10.244.1.9:8080] affinity 0 from 0.0.0.0/0, 198.51.100.0/24 pool 1
            """);
        await _run.Programmer.SubmitAsync(new SnatAddressIntent(IPAddress.Parse("192.0.2.10")), default);
        await _run.Programmer.SubmitAsync(new SnatPrefixIntent(IPNetwork.Parse("10.0.0.0/8"), true), default);
        var services = TestPipeline.Artifacts.Pipeline.Table("services");
        var counters = await _run.Session.ReadRowCountersAsync(services, default);
        var expected = (await _run.RowsAsync()).Where(r => r.Table.Id == services.Id).Select(r => r.Key).ToHashSet();
        Assert.Equal(expected, counters.Select(c => c.Key).ToHashSet());
        string[] rows = [.. (await _run.RowsAsync()).Select(r => r.ToString()).Order(StringComparer.Ordinal)];
        await _run.DisposeAsync();

        // Nothing changed while the process was down.
        _run = new Run(_folder, _cluster);
        await Eventually.TrueAsync(() => _run.Watch.GetStatus().Services is { Synced: true, HandedOver: 2 }, "not handed over");
        Assert.Equal(rows, (await _run.RowsAsync()).Select(r => r.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal((0L, true), (_run.Programmer.Status.UpdatesSent, _run.Programmer.Status.Reconciled));
        await _run.DisposeAsync();

        // A service was removed and an endpoint changed.
        _cluster.Server.ReplaceAll([ranged, Kube.Slice("o", "open", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.8"))]);
        _run = new Run(_folder, _cluster);
        await AssertTablesAsync(
            """
            10.96.0.20:80/6 inside: [10.244.1.8:8080] affinity 0 pool 0
            10.96.0.20:80/6 outside: [10.244.1.8:8080] affinity 0 pool 1
            203.0.113.7:80/6 inside: [10.244.1.8:8080] affinity 0 from 0.0.0.0/0, 198.51.100.0/24 pool 1
            203.0.113.7:80/6 outside: [10.244.1.8:8080] affinity 0 from 0.0.0.0/0, 198.51.100.0/24 pool 1
            """);
    }

    [Fact]
    public async Task A_lost_database_reuses_no_backend_ID_while_the_target_keeps_running()
    {
        _cluster.Server.ReplaceAll([Kube.Web(), Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.250.1.2", "node-2"))]);
        const string Expected =
            """
            10.96.0.10:80/6 inside: [10.244.1.1:8080, 10.250.1.2:8080] affinity 0 pool 0
            10.96.0.10:80/6 outside: [10.244.1.1:8080, 10.250.1.2:8080] affinity 0 pool 1
            """;
        _run = new Run(_folder, _cluster);
        await AssertTablesAsync(Expected);
        var before = await BackendsAsync();
        await _run.DisposeAsync();
        foreach (var file in new[] { "state.db", "state.db-wal", "state.db-shm" })
        {
            File.Delete(_folder.At(file));
        }

        _run = new Run(_folder, _cluster);
        await Eventually.TrueAsync(() => _run.Watch.GetStatus().Services is { Synced: true, HandedOver: 1 }, "not handed over");
        await AssertTablesAsync(Expected);
        Assert.Empty(before.Intersect(await BackendsAsync()));

        async Task<HashSet<string>> BackendsAsync() =>
            [.. (await _run.RowsAsync()).Where(r => r.Table.Alias == "backends").Select(r => r.EnumerateMatch().Single().ToString()!)];
    }

    private async Task AssertTablesAsync(string expected)
    {
        var actual = "";
        await Eventually.TrueAsync(
            async () =>
            {
                // Between two Writes of a change the tables may be incomplete.
                try
                {
                    actual = ServiceTables.Render(await _run.RowsAsync());
                }
                catch (Exception e) when (e is InvalidDataException or P4RuntimeException)
                {
                    actual = e.Message;
                }
                return actual == expected.ReplaceLineEndings("\n");
            },
            () => $"{actual}\ninstead of\n{expected}\n{string.Join('\n', _cluster.Log.Lines.TakeLast(5))}");
    }

    /// <summary>One run of the process, on the state that the previous run left.</summary>
    private sealed class Run : IAsyncDisposable
    {
        private readonly SqliteStore _store;
        private readonly GnmiClient _ports;
        private readonly P4Target _target;
        private bool _ended;

        public Run(Folder folder, ClusterFixture cluster)
        {
            var endpoint = new TargetEndpoint { Address = $"unix:{folder.At("p4.sock")}" };
            _store = SqliteStore.Open(folder.At("state.db"), NullLogger.Instance);
            Session = new P4RuntimeSession(new P4RuntimeSessionOptions { Endpoint = endpoint }, NullLogger.Instance);
            _ports = new GnmiClient(endpoint, TimeSpan.FromSeconds(10));
            _target = new P4Target(
                Session, _ports, TestPipeline.Artifacts, TestNode.Settings, TargetTraits.Soft, TargetPorts.None, NullLogger.Instance);
            var options = new ProgrammerOptions
            {
                RetryMin = TimeSpan.FromMilliseconds(5),
                WriteLimit = TimeSpan.FromSeconds(30),
                OutcomeLimit = TimeSpan.FromSeconds(30),
            };
            Programmer = new Programmer(TestNode.Settings, _store, _target, options, TimeProvider.System, NullLoggerFactory.Instance);
            Watch = new ClusterWatch(
                cluster.Settings, TestNode.Settings, Programmer, null, policy: false, cluster.Options, TimeProvider.System,
                cluster.Log.CreateLogger("Kubernetes"));
            Programmer.Start();
            Session.Start();
            Watch.Start();
        }

        public P4RuntimeSession Session { get; }

        public Programmer Programmer { get; }

        public ClusterWatch Watch { get; }

        public async Task<List<Entry>> RowsAsync()
        {
            var rows = new List<Entry>();
            await foreach (
                var row in _target.ReadAsync(new K8sCompiler(TestPipeline.Artifacts.Pipeline, TestNode.Settings).Tables, default))
            {
                rows.Add(row);
            }

            return rows;
        }

        public async ValueTask DisposeAsync()
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            await Watch.DisposeAsync();
            await Programmer.StopAsync(TimeSpan.FromSeconds(60));
            _target.Dispose();
            await _ports.DisposeAsync();
            await Session.DisposeAsync();
            _store.Dispose();
        }
    }
}
