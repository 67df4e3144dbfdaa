using System.Net;
using System.Security.Cryptography.X509Certificates;
using ACCOffload.InfraManager.Instruments;
using ACCOffload.InfraManager.Monitoring;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.TestKit;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.Metrics;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.TestKit.Certificates;
using ACCOffload.TestKit.Metrics;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Monitoring;

/// <summary>inframanager's metrics over HTTP and mutual TLS, with a test core and a test target.</summary>
public sealed class ManagerMetricsTests : IAsyncLifetime
{
    private ApiFixture _api = null!;
    private ManagerMetrics? _metrics;

    public async ValueTask InitializeAsync() => _api = await ApiFixture.StartAsync(revocation: true);

    public async ValueTask DisposeAsync()
    {
        if (_metrics is not null)
        {
            await _metrics.DisposeAsync();
        }

        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Status_tables_services_and_drops_are_exported()
    {
        _api.Core.StoredServices[TestService.Key(1)] = new ServiceView(new ServiceState(1, TestService.Of(1, TestService.Pod(1)), [], []),
            Programmed: false);
        _api.Core.Change = status => status with
        {
            Tables = [new TableCounts("pods", 3, 1)],
            Policy = new PolicyStatus(true, true, true, false, Policies: 5, Isolated: 2, Pending: 1, Unresolved: 4),
            Differences = [new RowDifference("pods", "pods dst_ip=10.244.1.2", "different")],
        };
        var scrape = await Scrape.GetAsync(Serve("127.0.0.1"));

        Assert.Equal((1, 1, 1), (scrape["accoffload_ready"], scrape["accoffload_target_connected"], scrape["accoffload_queue_depth"]));
        Assert.Equal((0, 1, 0),
            (scrape["accoffload_services{state=\"programmed\"}"], scrape["accoffload_services{state=\"pending\"}"],
                scrape["accoffload_services{state=\"removed\"}"]));
        Assert.Equal((3, 1),
            (scrape["accoffload_table_entries{table=\"pods\"}"], scrape["accoffload_reconcile_differences{table=\"pods\"}"]));
        Assert.Equal(
            (2, 1), (scrape["accoffload_policy_pods{state=\"isolated\"}"], scrape["accoffload_policy_pods{state=\"closed\"}"]));
        Assert.Equal(
            (0, 4),
            (scrape["accoffload_policy_problems{kind=\"not_enforceable\"}"], scrape["accoffload_policy_problems{kind=\"unresolved\"}"]));
        Assert.Equal(_api.Target.Pipeline.Table("pods").Size, scrape["accoffload_table_capacity{table=\"pods\"}"]);
        Assert.Equal(1, scrape["accoffload_reconcile_difference_info{table=\"pods\",row=\"pods dst_ip=10.244.1.2\",kind=\"different\"}"]);
        Assert.Equal((3, 0), (scrape["accoffload_drops_total{reason=\"spoofed_mac\"}"], scrape["accoffload_drops_total{reason=\"held\"}"]));
        Assert.DoesNotContain("reason=\"none\"", scrape.Text, StringComparison.Ordinal);
        Assert.InRange(scrape["accoffload_certificate_expiry_seconds{certificate=\"api\"}"], 3600, 400 * 86_400);
        Assert.Equal(0, scrape["accoffload_writes_total{result=\"unknown\"}"]);
        Assert.Equal(ProductVersion.Text,
            scrape.Series.Keys.Single(k => k.StartsWith("accoffload_build_info", StringComparison.Ordinal)).Split('"')[1]);
    }

    [Fact]
    public async Task Conditions_are_exported_and_drops_are_omitted_while_the_target_is_unavailable()
    {
        var port = Serve("127.0.0.1");
        _api.Core.Ready = false;
        var scrape = await Scrape.GetAsync(port);
        Assert.Equal((0, 0), (scrape["accoffload_ready"], scrape["accoffload_target_connected"]));
        Assert.Equal((0, 1), (scrape["accoffload_condition{condition=\"Target\"}"], scrape["accoffload_condition{condition=\"Store\"}"]));
        Assert.DoesNotContain("accoffload_drops", scrape.Text, StringComparison.Ordinal);

        _api.Core.Ready = true;
        _api.Target.Failure = new P4RuntimeException(StatusCode.Unavailable, "away");
        Assert.DoesNotContain("accoffload_drops", (await Scrape.GetAsync(port)).Text, StringComparison.Ordinal);
        _api.Target.Failure = null;
        Assert.Contains("accoffload_drops", (await Scrape.GetAsync(port)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scraper_with_the_role_is_served_over_the_network()
    {
        var port = Serve("0.0.0.0");
        using var certificate = Scraper();
        Assert.Equal(1, (await Scrape.GetAsync(port, certificate, _api.Pki.Authority))["accoffload_ready"]);
        Assert.EndsWith("# EOF\n", (await Scrape.GetAsync(port, certificate, _api.Pki.Authority, Scrape.OpenMetrics)).Text,
            StringComparison.Ordinal);
        Assert.Empty(_api.Log.Matching("Refused"));
    }

    public enum Client
    {
        None,
        Host,
        Target,
        TwoRoles,
        Foreign,
        Expired,
        Revoked,
        Plain,
    }

    [Theory]
    [InlineData(Client.None, "it presented no certificate")]
    [InlineData(Client.Host, "the certificate's role is host:node-1, not metrics")]
    [InlineData(Client.Target, "the certificate's role is p4rt-client, not metrics")]
    [InlineData(Client.TwoRoles, "the certificate's role is metrics, host:node-1, not metrics")]
    [InlineData(Client.Foreign, "is not trusted by Api:CaFile")]
    [InlineData(Client.Expired, "the certificate expired on")]
    [InlineData(Client.Revoked, "the certificate is revoked")]
    [InlineData(Client.Plain, "the TLS handshake failed")]
    public async Task Clients_without_the_role_are_refused(Client client, string reason)
    {
        using var foreign = new TestPki(DateTimeOffset.UtcNow, "CN=Other CA");
        using var certificate = client switch
        {
            Client.Host => _api.Pki.IssueHost(),
            Client.Target => _api.Pki.Issue("CN=x", ["urn:accoffload:role:p4rt-client"], TestPki.ClientAuthentication),
            Client.TwoRoles =>
                _api.Pki.Issue("CN=x", ["urn:accoffload:role:metrics", "urn:accoffload:role:host:node-1"], TestPki.ClientAuthentication),
            Client.Foreign => foreign.Issue("CN=x", ["urn:accoffload:role:metrics"], TestPki.ClientAuthentication),
            Client.Expired => Scraper(DateTimeOffset.UtcNow.AddDays(-1)),
            Client.Revoked => Scraper(),
            _ => null,
        };
        if (client == Client.Revoked)
        {
            _api.WriteRevocations(certificate!);
            _api.Server.ReloadCertificates();
            await Eventually.TrueAsync(() => _api.Server.Trust.Current.Generation > 1, "the list is read");
        }
        var port = Serve("0.0.0.0");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client == Client.Plain
            ? Scrape.GetAsync(port)
            : Scrape.GetAsync(port, certificate, _api.Pki.Authority));
        await Eventually.TrueAsync(() => _api.Log.Matching("Refused").Any(), "the refusal is reported");
        Assert.Contains(reason, Assert.Single(_api.Log.Matching("Refused")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_scrapers_certificate_grants_no_other_access()
    {
        using var certificate = Scraper();
        using var channel = _api.Connect(certificate);
        await Assert.ThrowsAsync<RpcException>(async () =>
            await new Protos.V1.Offload.OffloadClient(channel).StatusAsync(new Protos.V1.StatusRequest()));
    }

    [Fact]
    public void Every_metric_is_documented_and_every_documented_metric_exists()
    {
        var rows = Scrape.Documented(Repository.Root, "## inframanager");
        Assert.Equal(ManagerFamilies.All.Select(f => f.SampleName).Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        foreach (var family in ManagerFamilies.All)
        {
            var row = rows[family.SampleName];
            Assert.Equal(family.Kind.ToString().ToLowerInvariant(), row[1]);
            Assert.Equal(string.Join(", ", family.Labels.Select(l => $"`{l}`")), row[2]);
            // A counter's last word may name what is counted, which is not a unit.
            Assert.True(row[3] == family.Unit || (family.Unit.Length == 0 && family.Kind == MetricKind.Counter), family.SampleName);
        }
    }

    [Fact]
    public async Task Promtool_reports_no_problems()
    {
        Needs.NotMissing(Promtool.Missing);
        Assert.Equal("", await Promtool.CheckAsync((await Scrape.GetAsync(Serve("127.0.0.1"))).Text));
    }

    private X509Certificate2 Scraper(DateTimeOffset? notAfter = null) =>
        _api.Pki.Issue("CN=prometheus", ["urn:accoffload:role:metrics"], TestPki.ClientAuthentication, notAfter: notAfter);

    private int Serve(string address)
    {
        var settings = _api.Settings with { MetricsListen = new IPEndPoint(IPAddress.Parse(address), 0) };
        var sources = new MetricSources(_api.Core, _api.Target, _api.Conditions, _api.Counters, _api.Server.Trust);
        _metrics = ManagerMetrics.Start(settings, sources, _api.Log, _api.Time)!;
        return _metrics.Address.Port;
    }
}
