using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Cluster.Connection;
using ACCOffload.InfraManager.Cluster.Events;
using ACCOffload.InfraManager.Tests.Services;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Cluster;
using Microsoft.Extensions.Time.Testing;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Events;

public sealed class EventRecorderTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-03-04T05:06:07Z", CultureInfo.InvariantCulture));
    private ClusterFixture _cluster = null!;
    private ApiServerClient _client = null!;
    private WrittenEvents _written = null!;
    private EventRecorder _recorder = null!;
    private Task _running = Task.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync();
        _client = _cluster.NewClient();
        _written = new WrittenEvents(_cluster.Server);
        _recorder = new EventRecorder(_client, "node-1", _time, _cluster.Log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _recorder.RunAsync(_stop.Token));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _client.Dispose();
        await _cluster.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task An_event_is_written_in_the_format_that_the_API_expects()
    {
        _recorder.Record(On("web"));
        await WrittenAsync(1);
        var (method, path, type, body) = _written.All.Single();
        Assert.Equal(("POST", "/apis/events.k8s.io/v1/namespaces/default/events", "application/json"), (method, path, type));
        Assert.Matches("^web\\.[0-9a-f]{16}$", (string?)body["metadata"]!["name"]);
        body["metadata"]!["name"] = "web.1";
        Assert.Equal(
            """
            {"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"web.1","namespace":"default"},
            "eventTime":"2026-03-04T05:06:07.000000Z","reportingController":"accoffload-inframanager","reportingInstance":"node-1",
            "action":"Program","reason":"ServiceNotServed",
            "regarding":{"apiVersion":"v1","kind":"Service","namespace":"default","name":"web","uid":"uid-web"},
            "note":"why","type":"Warning"}
            """.ReplaceLineEndings(""),
            body.ToJsonString());
    }

    [Fact]
    public async Task A_repeated_event_is_counted_in_its_series_until_the_series_ends()
    {
        for (var i = 0; i < 5; i++)
        {
            _recorder.Record(On("web") with { Note = $"why {i}" });
        }

        await WrittenAsync(2);
        var name = (string)_written.All.First().Body["metadata"]!["name"]!;
        var patch = _written.All.Last();
        Assert.Equal(
            ("PATCH", $"/apis/events.k8s.io/v1/namespaces/default/events/{name}", "application/merge-patch+json"),
            (patch.Method, patch.Path, patch.ContentType));
        Assert.Equal("""{"series":{"count":2,"lastObservedTime":"2026-03-04T05:06:07.000000Z"}}""", patch.Body.ToJsonString());
        // The final count is written when the series ends; the next event starts a new series.
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromMinutes(1));
                return _written.All.Count == 3;
            },
            "the count is not written");
        Assert.Equal(5, (int)_written.All.Last().Body["series"]!["count"]!);
        _recorder.Record(On("web"));
        await WrittenAsync(4);
        Assert.Equal("POST", _written.All.Last().Method);
    }

    [Fact]
    public async Task The_count_of_an_ongoing_series_is_updated_every_half_hour()
    {
        await Eventually.TrueAsync(
            () =>
            {
                _recorder.Record(On("web"));
                _time.Advance(TimeSpan.FromSeconds(20));
                return _written.All.Count == 4;
            },
            "the counts are not written");
        Assert.Equal(1, _written.Posted);
        var times = _written.All.Skip(1)
            .Select(e => DateTimeOffset.Parse((string)e.Body["series"]!["lastObservedTime"]!, CultureInfo.InvariantCulture)).ToList();
        Assert.True(times[2] - times[1] >= TimeSpan.FromMinutes(29), string.Join(' ', times));
    }

    [Fact]
    public async Task Events_are_limited_per_object_and_in_total()
    {
        for (var i = 0; i < 40; i++)
        {
            _recorder.Record(On("web") with { Reason = $"Reason{i}" });
        }

        for (var i = 0; i < 200; i++)
        {
            _recorder.Record(On($"s{i}"));
        }

        await Eventually.TrueAsync(() => _written.All.Count == EventBudget.TotalBurst, () => $"{_written.All.Count}");
        Assert.Equal(EventBudget.ObjectBurst, _written.All.Count(e => (string?)e.Body["regarding"]!["name"] == "web"));
        // After the refill one more is allowed.
        _time.Advance(EventBudget.TotalRefill);
        _recorder.Record(On("late"));
        await WrittenAsync(EventBudget.TotalBurst + 1);
        Assert.Equal("late", (string?)_written.All.Last().Body["regarding"]!["name"]);
    }

    [Fact]
    public async Task An_event_whose_creation_was_not_confirmed_is_not_reported_as_rejected()
    {
        // The first response is lost; the event exists at the second attempt.
        _written.Code = _ => _written.Posted == 1 ? 500 : 409;
        _recorder.Record(On("web"));
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(10));
                return _written.Posted == 2;
            },
            "no second attempt");
        _written.Code = _ => 200;
        _recorder.Record(On("web"));
        await WrittenAsync(3);
        Assert.Equal("PATCH", _written.All.Last().Method);
        Assert.DoesNotContain(_cluster.Log.Lines, l => l.Contains("Cannot write event", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_event_that_exists_already_at_the_first_attempt_is_rejected()
    {
        _written.Code = _ => 409;
        _recorder.Record(On("web"));
        await Eventually.TrueAsync(
            () => _cluster.Log.Lines.Any(l => l.Contains("Cannot write event", StringComparison.Ordinal)),
            () => string.Join('\n', _cluster.Log.Lines));
        Assert.Equal(1, _written.Posted);
    }

    [Fact]
    public async Task A_rejected_event_is_logged_with_its_remedy_and_later_events_are_written()
    {
        _written.Code = _ => 403;
        _recorder.Record(On("web"));
        const string Expected =
            "Cannot write event ServiceNotServed on Service default/web: the API server answered 403 Forbidden: not now; "
            + "apply rootfs/kubernetes/rbac.yaml to the cluster";
        await Eventually.TrueAsync(
            () => _cluster.Log.Lines.Any(l => l.Contains(Expected, StringComparison.Ordinal)), () => string.Join('\n', _cluster.Log.Lines));
        _written.Code = _ => 201;
        _recorder.Record(On("other"));
        await WrittenAsync(2);
        Assert.Equal("other", (string?)_written.All.Last().Body["regarding"]!["name"]);
    }

    [Fact]
    public async Task An_unavailable_server_is_retried()
    {
        var failures = 2;
        _written.Code = _ => failures-- > 0 ? 503 : 201;
        _recorder.Record(On("web"));
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _written.All.Count == 3;
            },
            () => $"{_written.All.Count}");
        Assert.DoesNotContain(_cluster.Log.Lines, l => l.Contains("Cannot write event", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_expired_event_is_created_again_with_its_count()
    {
        _written.Code = r => r.Method == "PATCH" ? 404 : 201;
        _recorder.Record(On("web"));
        _recorder.Record(On("web"));
        await WrittenAsync(3);
        Assert.Equal(("POST", 2), (_written.All.Last().Method, (int)_written.All.Last().Body["series"]!["count"]!));
    }

    [Fact]
    public void A_note_is_one_line_of_the_length_that_the_api_accepts()
    {
        var note = (On("web") with { Note = "a\n" + new string('ä', 2000) }).TruncatedNote;
        Assert.InRange(Encoding.UTF8.GetByteCount(note), 1020, 1024);
        Assert.EndsWith("ä …", note, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', note);
        Assert.Equal("short", (On("web") with { Note = "short" }).TruncatedNote);
    }

    [Fact]
    public async Task A_service_that_cannot_be_served_has_an_event_in_the_cluster()
    {
        await using var watch = new ClusterWatch(
            _cluster.Settings, TestNode.Settings, new RecordingServices(), null, policy: false, _cluster.Options, TimeProvider.System,
            _cluster.Log.CreateLogger("Kubernetes"));
        _cluster.Server.Put(
            Kube.Node("node-1", "a"), Kube.Web("no address"), Kube.Web("10.96.0.20", "sticky").With("spec.sessionAffinity", "ClientIP"),
            Kube.Web("10.96.0.30", "ranged").With("spec.type", "LoadBalancer").With(
                "spec.loadBalancerSourceRanges", new JsonArray("everybody")));
        watch.Start();
        await WrittenAsync(2);
        Assert.Equal(
            [
                "ranged uid-ranged AccessListNotApplied access list denies every source: "
                    + "Service default/ranged: spec.loadBalancerSourceRanges[0]: \"everybody\" is not a CIDR range",
                "web uid-web ServiceNotServed service is not served: "
                    + "Service default/web: spec.clusterIPs[0]: \"no address\" is not an IP address",
            ],
            _written.All.Select(e => $"{e.Body["regarding"]!["name"]} {e.Body["regarding"]!["uid"]} {e.Body["reason"]} {e.Body["note"]}")
                .Order(StringComparer.Ordinal));
    }

    private static ClusterEvent On(string service) =>
        new(new ObjectReference("v1", "Service", "default", service, $"uid-{service}"), true, "ServiceNotServed", "Program", "why");

    private Task WrittenAsync(int count) => Eventually.TrueAsync(
        () => _written.All.Count == count,
        () => $"{_written.All.Count} instead of {count}\n{string.Join('\n', _cluster.Log.Lines.TakeLast(5))}");
}
