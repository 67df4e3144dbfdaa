using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ACCOffload.Metrics;
using ACCOffload.TestKit.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Monitoring;

/// <summary>Test instruments, as a scraper reads them over HTTP.</summary>
public sealed class ExpositionTests : IAsyncDisposable
{
    private static readonly MetricFamily Hits = new("test_hits", MetricKind.Counter,
        "Hits with \"quotes\", a \\ and\na second line.")
    { Labels = ["who"], MaxSeries = 4, Known = ["nobody"] };
    private static readonly MetricFamily Wait = new("test_wait_seconds", MetricKind.Histogram, "Waits.")
    {
        Unit = "seconds",
        Labels = ["phase"],
        Buckets = [0.5, 1, 2.5]
    };
    private static readonly MetricFamily Level = new("test_level", MetricKind.Gauge, "Levels.") { Labels = ["tank"], MaxSeries = 3 };
    private static readonly MetricFamily Thing = new("test_thing", MetricKind.Info, "A thing.") { Labels = ["name"] };
    private static readonly MetricFamily Seen = new("test_seen", MetricKind.Counter, "Counted elsewhere.");
    private static readonly MetricFamily Silent = new("test_silent", MetricKind.Gauge, "Nobody measures it.");

    private readonly Meter _meter = new("test");
    private readonly Counter<long> _hits;
    private readonly Histogram<double> _wait;
    private readonly List<(string Tank, double Level)> _levels = [("a", 1.5)];
    private readonly List<string> _refused = [];
    private readonly ScrapeServer _server;
    private double? _seen;

    public ExpositionTests()
    {
        _hits = Hits.Counter(_meter);
        _wait = Wait.Histogram(_meter);
        Level.Observe(_meter, () => _levels.Select(l => Level.Measure(l.Level, l.Tank)));
        Thing.Observe(_meter, () => [Thing.Measure(1, "x")]);
        Seen.Observe(_meter, () => _seen);
        var exporter = new MetricExporter([Hits, Wait, Level, Thing, Seen, Silent], _meter);
        _server = ScrapeServer.Start(new ScrapeOptions(new IPEndPoint(IPAddress.Loopback, 0),
            "test.json")
        { Refused = (_, _, _, reason) => _refused.Add(reason) }, exporter, NullLogger.Instance);
    }

    private int Port => _server.Address.Port;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _meter.Dispose();
    }

    [Fact]
    public async Task The_text_format_is_valid()
    {
        Hit("a\\b\"c\nd");
        _wait.Record(0.5, new KeyValuePair<string, object?>("phase", "x"));
        _wait.Record(7, new KeyValuePair<string, object?>("phase", "x"));
        var scrape = await Scrape.GetAsync(Port);

        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", scrape.ContentType);
        Assert.Equal(
            """
            # HELP test_hits_total Hits with "quotes", a \\ and\na second line.
            # TYPE test_hits_total counter
            test_hits_total{who="nobody"} 0
            test_hits_total{who="a\\b\"c\nd"} 1
            # HELP test_wait_seconds Waits.
            # TYPE test_wait_seconds histogram
            test_wait_seconds_bucket{phase="x",le="0.5"} 1
            test_wait_seconds_bucket{phase="x",le="1"} 1
            test_wait_seconds_bucket{phase="x",le="2.5"} 1
            test_wait_seconds_bucket{phase="x",le="+Inf"} 2
            test_wait_seconds_count{phase="x"} 2
            test_wait_seconds_sum{phase="x"} 7.5
            # HELP test_level Levels.
            # TYPE test_level gauge
            test_level{tank="a"} 1.5
            # HELP test_thing_info A thing.
            # TYPE test_thing_info gauge
            test_thing_info{name="x"} 1

            """,
            scrape.Text);
    }

    [Fact]
    public async Task The_OpenMetrics_format_is_valid()
    {
        Hit("a");
        _wait.Record(0.7, new KeyValuePair<string, object?>("phase", "x"));
        _seen = 12;
        var scrape = await Scrape.GetAsync(Port, Scrape.OpenMetrics);

        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", scrape.ContentType);
        Assert.Equal(
            """
            # HELP test_hits Hits with \"quotes\", a \\ and\na second line.
            # TYPE test_hits counter
            test_hits_total{who="nobody"} 0
            test_hits_total{who="a"} 1
            # HELP test_wait_seconds Waits.
            # TYPE test_wait_seconds histogram
            # UNIT test_wait_seconds seconds
            test_wait_seconds_bucket{phase="x",le="0.5"} 0
            test_wait_seconds_bucket{phase="x",le="1.0"} 1
            test_wait_seconds_bucket{phase="x",le="2.5"} 1
            test_wait_seconds_bucket{phase="x",le="+Inf"} 1
            test_wait_seconds_count{phase="x"} 1
            test_wait_seconds_sum{phase="x"} 0.7
            # HELP test_level Levels.
            # TYPE test_level gauge
            test_level{tank="a"} 1.5
            # HELP test_thing A thing.
            # TYPE test_thing info
            test_thing_info{name="x"} 1
            # HELP test_seen Counted elsewhere.
            # TYPE test_seen counter
            test_seen_total 12
            # EOF

            """,
            scrape.Text);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("*/*", false)]
    [InlineData("text/html", false)]
    [InlineData("text/plain;version=0.0.4", false)]
    [InlineData("application/openmetrics-text", true)]
    [InlineData("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", true)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.5", false)]
    [InlineData("application/openmetrics-text;version=7.0.0,text/plain;q=0.1", false)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0", false)]
    // Prometheus 2.42 and 3.
    [InlineData("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true)]
    [InlineData("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", true)]
    public async Task The_client_chooses_the_format(string accept, bool isOpen)
    {
        var scrape = await Scrape.GetAsync(Port, accept);
        Assert.StartsWith(isOpen ? "application/openmetrics-text; version=1.0.0" : "text/plain; version=0.0.4", scrape.ContentType,
            StringComparison.Ordinal);
        Assert.Equal(isOpen, scrape.Text.EndsWith("# EOF\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Label_values_beyond_the_limit_share_one_series()
    {
        for (var i = 0; i < 1000; i++)
        {
            Hit($"client-{i}");
        }

        _levels.AddRange([("b", 2), ("c", 3), ("d", 4)]);
        var series = (await Scrape.GetAsync(Port)).Series;

        Assert.Equal(4, series.Keys.Count(k => k.StartsWith("test_hits_total", StringComparison.Ordinal)));
        Assert.Equal((1, 1, 998),
            (series["test_hits_total{who=\"client-0\"}"],
                series["test_hits_total{who=\"client-1\"}"], series["test_hits_total{who=\"other\"}"]));
        // Observable instruments are also combined into "other", anew at each scrape.
        Assert.Equal((1.5, 2, 7),
            (series["test_level{tank=\"a\"}"], series["test_level{tank=\"b\"}"], series["test_level{tank=\"other\"}"]));
        _levels.RemoveRange(0, 2);
        series = (await Scrape.GetAsync(Port)).Series;
        Assert.Equal(["test_level{tank=\"c\"}", "test_level{tank=\"d\"}"],
            series.Keys.Where(k => k.StartsWith("test_level", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Long_or_invalid_label_values_are_sanitized()
    {
        Hit(new string('x', 5000));
        Hit("\ud800 lone");
        var scrape = await Scrape.GetAsync(Port);
        Assert.Equal(1, scrape[$"test_hits_total{{who=\"{new string('x', 256)}\"}}"]);
        Assert.Equal(1, scrape["test_hits_total{who=\"\ufffd lone\"}"]);
    }

    [Fact]
    public async Task Measuring_a_known_series_allocates_nothing()
    {
        Hit("a");
        var tag = new KeyValuePair<string, object?>("who", "a");
        _hits.Add(1, tag);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            _hits.Add(1, tag);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1002, (await Scrape.GetAsync(Port))["test_hits_total{who=\"a\"}"]);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n")]
    [InlineData("GET /metrics/x HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found\r\n")]
    [InlineData("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n")]
    [InlineData("GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n")]
    [InlineData("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\n")]
    [InlineData("GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("GET /metrics HTTP/1.1\r\nno header\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("\u0016\u0003\u0001 TLS\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n")]
    public async Task Invalid_requests_are_answered_with_an_error(string request, string answer) =>
        Assert.StartsWith(answer, await AskAsync(Encoding.Latin1.GetBytes(request)), StringComparison.Ordinal);

    [Fact]
    public async Task An_endless_request_header_is_refused()
    {
        var head = Encoding.ASCII.GetBytes($"GET /metrics HTTP/1.1\r\nX: {new string('x', 10_000)}");
        Assert.StartsWith("HTTP/1.1 400 ", await AskAsync(head[..8192]), StringComparison.Ordinal);
        Assert.Equal("", (await AskAsync("HEAD /metrics HTTP/1.1\r\n\r\n"u8.ToArray())).Split("\r\n\r\n")[1]);
    }

    [Fact]
    public async Task Silent_connections_are_closed_in_favor_of_a_scraper()
    {
        var silent = new List<TcpClient>();
        for (var i = 0; i < 3 * ScrapeServer.MaxConnections; i++)
        {
            var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port);
            silent.Add(client);
        }
        Assert.Equal(HttpStatusCode.OK, (await Scrape.GetAsync(Port)).Status);
        silent.ForEach(c => c.Dispose());
    }

    [Fact]
    public void An_address_in_use_is_refused_with_its_key()
    {
        var e = Assert.Throws<ConfigurationException>(() =>
            ScrapeServer.Start(new ScrapeOptions(_server.Address, "test.json"), new MetricExporter([], _meter), NullLogger.Instance));
        Assert.StartsWith($"test.json: Metrics:Listen = \"{_server.Address}\": cannot be bound: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Promtool_reports_no_problems()
    {
        Needs.NotMissing(Promtool.Missing);
        Hit("a\\b\"c\nd");
        _wait.Record(0.7, new KeyValuePair<string, object?>("phase", "x"));
        Assert.Equal("", await Promtool.CheckAsync((await Scrape.GetAsync(Port)).Text));
    }

    private void Hit(string who) => _hits.Add(1, new KeyValuePair<string, object?>("who", who));

    private async Task<string> AskAsync(byte[] request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        await client.GetStream().WriteAsync(request);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync();
    }
}
