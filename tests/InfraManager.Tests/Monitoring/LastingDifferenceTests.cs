using System.Net;
using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Monitoring;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Programming.Reconcile;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Store;
using ACCOffload.InfraManager.Target;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Ports;
using ACCOffload.P4Runtime.Session;
using ACCOffload.TestKit.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Monitoring;

/// <summary>A target acknowledges a change without applying it: the metrics name the table and row while the difference lasts.</summary>
public sealed class LastingDifferenceTests : IAsyncLifetime
{
    private const string Port = "TAP1";
    private static readonly string[] Pool = [Port, "TAP2"];
    private static readonly NodeSettings Node = TestNode.Settings with { Devices = new DeviceRules { Pool = Pool } };

    private ApiFixture _api = null!;
    private FaithfulServer _target = null!;
    private SqliteStore? _store;
    private P4RuntimeSession _session = null!;
    private GnmiClient _gnmi = null!;
    private P4Target _view = null!;
    private Programmer _programmer = null!;
    private ManagerMetrics? _metrics;

    public async ValueTask InitializeAsync()
    {
        _api = await ApiFixture.StartAsync();
        _target = await FaithfulServer.StartAsync(new FaithfulOptions { SocketPath = _api.Folder.At("p4.sock") });
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null)
        {
            await CloseAsync();
        }

        await _target.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_lasting_difference_is_reported_with_table_and_row_until_it_is_resolved(bool isTrusted)
    {
        // Like the real target, except that the programmer does not know that it can't modify rows.
        var unknowing = TargetTraits.P4Dpdk with { CanModify = true, WritesAreReliable = isTrusted };
        Open(TargetTraits.P4Dpdk, Node);
        await _programmer.SubmitAsync(TestNode.Begin, default);
        await ReadyAsync();
        await _programmer.SubmitAsync(new AttachIntent(TestNode.Pod(1, 1) with { PortName = Port }), default);
        var scrape = await ScrapeAsync(s => s["accoffload_reconcile_differences{table=\"pods\"}"] == 0);
        Assert.Equal(1, scrape["accoffload_table_entries{table=\"pods\"}"]);
        Assert.DoesNotContain("accoffload_reconcile_difference_info", scrape.Text, StringComparison.Ordinal);
        Assert.InRange(scrape["accoffload_writes_total{result=\"applied\"}"], 1, double.MaxValue);
        Assert.InRange(scrape["accoffload_write_seconds_count"], 1, double.MaxValue);
        foreach (var phase in new[] { "queue", "commit", "program" })
        {
            Assert.InRange(scrape[$"accoffload_attach_seconds_count{{phase=\"{phase}\"}}"], 1, double.MaxValue);
        }

        await CloseAsync();

        // The same rows with another gateway MAC: the target acknowledges these changes without applying them.
        var moved = Node with { GatewayMac = MacAddress.Parse("02:ac:c0:00:00:09") };
        Open(unknowing, moved);
        scrape = await ScrapeAsync(s =>
            s.Series.Keys.Any(k => k.StartsWith("accoffload_reconcile_difference_info", StringComparison.Ordinal)));
        var row = scrape.Series.Keys.First(k => k.StartsWith("accoffload_reconcile_difference_info", StringComparison.Ordinal));
        var table = row.Split('"')[1];
        Assert.InRange(scrape[$"accoffload_reconcile_differences{{table=\"{table}\"}}"], 1, double.MaxValue);
        Assert.EndsWith(",kind=\"different\"}", row, StringComparison.Ordinal);
        Assert.StartsWith($"accoffload_reconcile_difference_info{{table=\"{table}\",row=\"{table} ", row, StringComparison.Ordinal);
        // The row is written repeatedly, but the difference stays.
        var writes = scrape["accoffload_writes_total{result=\"applied\"}"];
        scrape = await ScrapeAsync(s => s["accoffload_writes_total{result=\"applied\"}"] > writes + 10);
        Assert.Contains(row, scrape.Series.Keys);
        await CloseAsync();

        Open(TargetTraits.P4Dpdk, moved);
        scrape = await ScrapeAsync(s => s.Series.GetValueOrDefault($"accoffload_reconcile_differences{{table=\"{table}\"}}", 1) == 0);
        Assert.DoesNotContain("accoffload_reconcile_difference_info", scrape.Text, StringComparison.Ordinal);
    }

    private async Task<Scrape> ScrapeAsync(Func<Scrape, bool> condition)
    {
        Scrape? last = null;
        await Eventually.TrueAsync(async () => condition(last = await Scrape.GetAsync(_metrics!.Address.Port)),
            () => $"the metrics show it; {_programmer.Status}\n{last?.Text}");
        return last!;
    }

    private Task ReadyAsync() => Eventually.TrueAsync(() => _programmer.Status.Ready, () => $"ready: {_programmer.Status}");

    private void Open(TargetTraits traits, NodeSettings node)
    {
        var endpoint = new TargetEndpoint { Address = _target.Address };
        _store = SqliteStore.Open(_api.Folder.At("state.db"), NullLogger.Instance);
        _session = new P4RuntimeSession(
            new P4RuntimeSessionOptions
            {
                Endpoint = endpoint,
                BackoffMin = TimeSpan.FromMilliseconds(5),
                BackoffMax = TimeSpan.FromMilliseconds(50)
            }, NullLogger.Instance);
        _gnmi = new GnmiClient(endpoint);
        _view = new P4Target(_session, _gnmi, TestPipeline.Artifacts, node, traits, new TargetPorts(Pool, CreatedExternally: false),
            NullLogger.Instance);
        var options = new ProgrammerOptions { RetryMin = TimeSpan.FromMilliseconds(5), RetryMax = TimeSpan.FromMilliseconds(50) };
        _programmer = new Programmer(node, _store, _view, options, TimeProvider.System, NullLoggerFactory.Instance);
        var settings = _api.Settings with { MetricsListen = new IPEndPoint(IPAddress.Loopback, 0) };
        var sources = new MetricSources(_programmer, _view, _api.Conditions, _api.Counters, _api.Server.Trust);
        _metrics = ManagerMetrics.Start(settings, sources, _api.Log, _api.Time);
        _session.Start();
        _programmer.Start();
    }

    private async Task CloseAsync()
    {
        await _metrics!.DisposeAsync();
        await _programmer.StopAsync(TimeSpan.Zero);
        _view.Dispose();
        await _gnmi.DisposeAsync();
        await _session.DisposeAsync();
        _store!.Dispose();
        _store = null;
    }
}
