using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Services;

public sealed class ServiceControllerTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly LogCollector _log = new();
    private readonly ServiceIndex _index = new(ServiceContext.Of(TestNode.Settings));
    private readonly RecordingServices _sink = new();
    private ServiceController _controller = null!;
    private Task _running = Task.CompletedTask;
    private int _version;

    public ValueTask InitializeAsync()
    {
        _controller = new ServiceController(_index, _sink, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _controller.RunAsync(_stop.Token));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _controller.Dispose();
        _log.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task Nothing_is_submitted_before_the_first_lists_and_then_missing_services_are_removed()
    {
        var hostPort = new ServiceKey("hostPort", "default/web-0/7");
        _sink.AddKnown(new ServiceKey("default", "web"), new ServiceKey("default", "gone"), hostPort);
        Put(Kube.Web());
        await Task.Yield();
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        Assert.Empty(_sink.Intents);
        _controller.MarkSynced();
        await AssertAppliedAsync("web 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        await Eventually.TrueAsync(() => !_sink.IsKnown(new ServiceKey("default", "gone")), "the deleted service stays");
        // No intermediate state: the service did not refuse clients in between.
        Assert.Equal(2, _sink.Intents.Count);
        // A pod's host ports do not come from the cluster's API.
        Assert.True(_sink.IsKnown(hostPort));
    }

    [Fact]
    public async Task A_changed_endpoint_affects_only_its_own_service()
    {
        for (var i = 0; i < 200; i++)
        {
            Put(Kube.Web($"10.96.1.{i}", $"svc-{i}"));
            Put(Kube.Slice($"slice-{i}", $"svc-{i}", [("", "TCP", 8080)], Kube.Endpoint($"10.244.1.{i}")));
        }
        _controller.MarkSynced();
        await Eventually.TrueAsync(() => _sink.Intents.Count == 200, () => $"{_sink.Intents.Count} intents");
        Put(Kube.Slice("slice-7", "svc-7", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.7"), Kube.Endpoint("10.244.1.250")));
        await Eventually.TrueAsync(() => _sink.Intents.Count == 201, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(new ServiceKey("default", "svc-7"), _sink.Intents.Last().Key);
        // Changes without effect, such as a new version or an annotation, are not submitted.
        Put(Kube.Web("10.96.1.7", "svc-7").With("metadata.annotations", new JsonObject { ["a"] = "b" }));
        Put(Kube.Web("10.96.1.9", "svc-9").With("spec.selector", new JsonObject { ["app"] = "x" }));
        Put(Kube.Web("10.96.1.222", "last"));
        await Eventually.TrueAsync(() => _sink.Intents.Count == 202, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(new ServiceKey("default", "last"), _sink.Intents.Last().Key);
    }

    [Fact]
    public async Task A_service_is_pending_until_it_is_applied()
    {
        var release = new TaskCompletionSource();
        var began = new TaskCompletionSource();
        _sink.OnSubmit = _ =>
        {
            began.TrySetResult();
            return release.Task;
        };
        Put(Kube.Web());
        _controller.MarkSynced();
        await began.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((1, 0), (_controller.GetStatus().Pending, _controller.GetStatus().Services));
        Put(Kube.Web("10.96.0.20", "other"));
        Assert.Equal(2, _controller.GetStatus().Pending);
        release.SetResult();
        await Eventually.TrueAsync(() => _controller.GetStatus() is { Pending: 0, Services: 2 }, () => $"{_controller.GetStatus()}");
    }

    [Fact]
    public async Task Changes_during_a_submission_are_combined()
    {
        var gate = new TaskCompletionSource();
        _sink.OnSubmit = _ => gate.Task;
        Put(Kube.Web());
        _controller.MarkSynced();
        await Eventually.TrueAsync(() => _sink.InFlight == 1, "nothing is submitted");
        for (var i = 1; i <= 50; i++)
        {
            Put(Kube.WebSlice("s", [.. Enumerable.Range(1, i).Select(n => Kube.Endpoint($"10.244.1.{n}"))]));
        }

        gate.SetResult();
        await Eventually.TrueAsync(() => _sink.Intents.Count == 2, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(50, _sink.Intents.Last().Spec!.Ports[0].Backends.Count);
    }

    [Fact]
    public async Task A_transient_failure_is_retried_with_the_latest_state()
    {
        var failing = true;
        _sink.OnSubmit = i => failing ? throw IntentException.Unavailable("the target is unreachable: no route") : Task.CompletedTask;
        Put(Kube.Web());
        _controller.MarkSynced();
        await Eventually.TrueAsync(() => _controller.GetStatus().Waiting == "the target is unreachable: no route", "not reported");
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        failing = false;
        await AssertAppliedAsync("web 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        await Eventually.TrueAsync(() => _controller.GetStatus().Waiting.Length == 0, "still reported");
        Assert.Single(_log.Matching("Services are waiting for a retry: the target is unreachable: no route"));
    }

    [Fact]
    public async Task A_refused_service_is_reported_and_withdrawn_without_delaying_others()
    {
        _sink.OnSubmit = i => i.Key.Name == "web" && i.Spec is { Ports: [{ Backends.Count: 0 }] }
            ? throw IntentException.Invalid("ports", "nothing there")
            : Task.CompletedTask;
        Put(Kube.Web());
        Put(Kube.Web("10.96.0.20", "other"));
        _controller.MarkSynced();
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb problem: service: is not served: ports: nothing there");
        await Eventually.TrueAsync(() => _controller.GetStatus().Refused.Count == 1, "not reported");
        Assert.Equal(new ServiceProblem("default/web", "ports: nothing there"), _controller.GetStatus().Refused[0]);
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        Assert.Empty(_controller.GetStatus().Refused);
    }

    [Fact]
    public async Task A_refused_service_does_not_delay_the_retry_of_others()
    {
        // More than are submitted at once, the refused one last.
        var isDown = true;
        _sink.OnSubmit = i => i.Key.Name == "refused"
            ? Task.FromException(new IntentException(IntentError.ResourceExhausted, "full") { IsLasting = true })
            : isDown ? Task.FromException(new IntentException(IntentError.Unavailable, "away")) : Task.CompletedTask;
        for (var i = 0; i < 1024; i++)
        {
            Put(Kube.Web($"10.97.{i / 250}.{(i % 250) + 1}", $"svc-{i}"));
        }

        Put(Kube.Web("10.98.0.1", "refused"));
        _controller.MarkSynced();
        await Eventually.TrueAsync(() => _controller.GetStatus().Refused.Count == 1, "the service is not refused");
        isDown = false;
        await Eventually.TrueAsync(() => _controller.GetStatus().Services == 1024, () => $"{_controller.GetStatus().Services} services");
    }

    [Fact]
    public async Task Services_are_resolved_again_when_the_pod_range_changes()
    {
        Put(Kube.Web("10.245.0.10"));
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        _controller.MarkSynced();
        await AssertAppliedAsync("web 10.245.0.10:80/TCP -> 10.244.1.2:8080");
        _index.SetNode(TestNode.Settings with { PodRanges = [System.Net.IPNetwork.Parse("10.245.0.0/16")] });
        await Eventually.TrueAsync(
            () => _sink.Intents.Last().Spec?.Problems.Any(p => p.Reason.Contains("pod range", StringComparison.Ordinal)) == true,
            () => _sink.Text);
    }

    [Fact]
    public async Task A_claimed_address_belongs_to_the_cluster_IP_then_to_the_older_service_until_it_is_released()
    {
        var older = Kube.Web("10.96.0.66", "a-older").With("spec.externalIPs", new JsonArray("10.96.0.10", "198.51.100.1"))
            .With("metadata.creationTimestamp", "2025-01-01T00:00:00Z");
        var younger = Kube.Web("10.96.0.77", "b-younger").With("spec.externalIPs", new JsonArray("198.51.100.1"));
        Put(younger);
        Put(older);
        Put(Kube.Web());
        _controller.MarkSynced();
        await AssertAppliedAsync(
            """
            a-older 10.96.0.66:80/TCP -> refuse
            a-older 198.51.100.1:80/TCP -> refuse
            a-older problem: frontend 10.96.0.10:80/TCP: is not served: it belongs to default/web
            b-younger 10.96.0.77:80/TCP -> refuse
            b-younger problem: frontend 198.51.100.1:80/TCP: is not served: it belongs to default/a-older
            web 10.96.0.10:80/TCP -> refuse
            """);
        _index.Services.Remove(new ObjectName("default", "a-older"));
        await AssertAppliedAsync(
            """
            b-younger 10.96.0.77:80/TCP -> refuse
            b-younger 198.51.100.1:80/TCP -> refuse
            web 10.96.0.10:80/TCP -> refuse
            """);
        var intents = _sink.Intents.ToArray();
        Assert.True(
            Array.FindLastIndex(intents, i => i.Key.Name == "a-older") < Array.FindLastIndex(intents, i => i.Key.Name == "b-younger"));
    }

    [Fact]
    public async Task The_nodes_zone_affects_only_services_with_hints()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1", zones: "a"), Kube.Endpoint("10.244.2.2", "node-2", zones: "b")));
        Put(Kube.Web("10.96.0.20", "other"));
        _controller.MarkSynced();
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.2.2:8080");
        Put(Kube.Node("node-1", "b"));
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.2.2:8080");
        _index.Node.Remove(new ObjectName("", "node-1"));
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.2.2:8080");
        Assert.Single(_sink.Intents, i => i.Key.Name == "other");
    }

    [Fact]
    public async Task A_slice_can_move_to_another_service()
    {
        Put(Kube.Web());
        Put(Kube.Web("10.96.0.20", "other"));
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        _controller.MarkSynced();
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        Put(Kube.Slice("s", "other", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.2")));
        await AssertAppliedAsync("other 10.96.0.20:80/TCP -> 10.244.1.2:8080\nweb 10.96.0.10:80/TCP -> refuse");
    }

    private Task AssertAppliedAsync(string expected) =>
        Eventually.TrueAsync(() => _sink.Text == ServiceRendering.Tidy(expected), () => _sink.Text);

    private void Put(JsonObject item)
    {
        var json = Encoding.UTF8.GetBytes(item.With("metadata.resourceVersion", $"{++_version}").ToJsonString());
        switch (Kube.PathOf(item))
        {
            case Kube.Services:
                _index.Services.Apply(ObjectReaders.Service(json));
                break;
            case Kube.Slices:
                _index.Slices.Apply(ObjectReaders.Slice(json));
                break;
            default:
                _index.Node.Apply(ObjectReaders.Node(json));
                break;
        }
    }
}
