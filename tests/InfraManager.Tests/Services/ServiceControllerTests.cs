using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.InfraManager.Tests.Support;

namespace ACCOffload.InfraManager.Tests.Services;

public sealed class ServiceControllerTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _stop = new();
    private readonly LogCapture _log = new();
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
    public async Task Nothing_is_handed_over_before_all_is_known_and_then_what_is_gone_is_removed()
    {
        _sink.Remember(new ServiceKey("default", "web"), new ServiceKey("default", "gone"));
        Put(Kube.Web());
        await Task.Yield();
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        Assert.Empty(_sink.Intents);
        _controller.SetSynced();
        await SeenAsync("web 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        await Eventually.TrueAsync(() => !_sink.IsKnown(new ServiceKey("default", "gone")), "the vanished service stays");
        // Never a state in between: the service was not refused for a moment.
        Assert.Equal(2, _sink.Intents.Count);
    }

    [Fact]
    public async Task One_endpoint_of_one_service_concerns_no_other()
    {
        for (var i = 0; i < 200; i++)
        {
            Put(Kube.Web($"10.96.1.{i}", $"svc-{i}"));
            Put(Kube.Slice($"slice-{i}", $"svc-{i}", [("", "TCP", 8080)], Kube.Endpoint($"10.244.1.{i}")));
        }
        _controller.SetSynced();
        await Eventually.TrueAsync(() => _sink.Intents.Count == 200, () => $"{_sink.Intents.Count} intents");
        Put(Kube.Slice("slice-7", "svc-7", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.7"), Kube.Endpoint("10.244.1.250")));
        await Eventually.TrueAsync(() => _sink.Intents.Count == 201, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(new ServiceKey("default", "svc-7"), _sink.Intents.Last().Key);
        // What changes nothing is handed over to nobody: another version of the same, and an annotation.
        Put(Kube.Web("10.96.1.7", "svc-7").With("metadata.annotations", new JsonObject { ["a"] = "b" }));
        Put(Kube.Web("10.96.1.9", "svc-9").With("spec.selector", new JsonObject { ["app"] = "x" }));
        Put(Kube.Web("10.96.1.222", "last"));
        await Eventually.TrueAsync(() => _sink.Intents.Count == 202, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(new ServiceKey("default", "last"), _sink.Intents.Last().Key);
    }

    [Fact]
    public async Task A_service_is_pending_until_it_holds()
    {
        var release = new TaskCompletionSource();
        var began = new TaskCompletionSource();
        _sink.OnSubmit = _ =>
        {
            began.TrySetResult();
            return release.Task;
        };
        Put(Kube.Web());
        _controller.SetSynced();
        await began.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal((1, 0), (_controller.GetStatus().Pending, _controller.GetStatus().Services));
        Put(Kube.Web("10.96.0.20", "other"));
        Assert.Equal(2, _controller.GetStatus().Pending);
        release.SetResult();
        await Eventually.TrueAsync(() => _controller.GetStatus() is { Pending: 0, Services: 2 }, () => $"{_controller.GetStatus()}");
    }

    [Fact]
    public async Task Changes_that_come_while_a_service_is_handed_over_are_taken_together()
    {
        var gate = new TaskCompletionSource();
        _sink.OnSubmit = _ => gate.Task;
        Put(Kube.Web());
        _controller.SetSynced();
        await Eventually.TrueAsync(() => _sink.InFlight == 1, "nothing is handed over");
        for (var i = 1; i <= 50; i++)
        {
            Put(Kube.WebSlice("s", [.. Enumerable.Range(1, i).Select(n => Kube.Endpoint($"10.244.1.{n}"))]));
        }

        gate.SetResult();
        await Eventually.TrueAsync(() => _sink.Intents.Count == 2, () => $"{_sink.Intents.Count} intents");
        Assert.Equal(50, _sink.Intents.Last().Spec!.Ports[0].Backends.Count);
    }

    [Fact]
    public async Task What_fails_for_now_is_tried_again_with_the_newest_state()
    {
        var failing = true;
        _sink.OnSubmit = i => failing ? throw IntentException.Away("the target is away: no route") : Task.CompletedTask;
        Put(Kube.Web());
        _controller.SetSynced();
        await Eventually.TrueAsync(() => _controller.GetStatus().Waiting == "the target is away: no route", "not told");
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        failing = false;
        await SeenAsync("web 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        await Eventually.TrueAsync(() => _controller.GetStatus().Waiting.Length == 0, "still told");
        Assert.Single(_log.Matching("Services wait: the target is away: no route"));
    }

    [Fact]
    public async Task What_is_refused_is_told_and_withdrawn_without_holding_up_others()
    {
        _sink.OnSubmit = i => i.Key.Name == "web" && i.Spec is { Ports: [{ Backends.Count: 0 }] } ? throw IntentException.Invalid("ports", "nothing there") : Task.CompletedTask;
        Put(Kube.Web());
        Put(Kube.Web("10.96.0.20", "other"));
        _controller.SetSynced();
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb problem: service: is not served: ports: nothing there");
        await Eventually.TrueAsync(() => _controller.GetStatus().Refused.Count == 1, "not told");
        Assert.Equal(new ServiceProblem("default/web", "ports: nothing there"), _controller.GetStatus().Refused[0]);
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        Assert.Empty(_controller.GetStatus().Refused);
    }

    [Fact]
    public async Task An_address_that_two_claim_is_the_cluster_addresss_then_the_olders_and_goes_over_when_it_is_given_up()
    {
        var thief = Kube.Web("10.96.0.66", "a-thief").With("spec.externalIPs", new JsonArray("10.96.0.10", "198.51.100.1")).With("metadata.creationTimestamp", "2025-01-01T00:00:00Z");
        var younger = Kube.Web("10.96.0.77", "b-younger").With("spec.externalIPs", new JsonArray("198.51.100.1"));
        Put(younger);
        Put(thief);
        Put(Kube.Web());
        _controller.SetSynced();
        await SeenAsync(
            """
            a-thief 10.96.0.66:80/TCP -> refuse
            a-thief 198.51.100.1:80/TCP -> refuse
            a-thief problem: frontend 10.96.0.10:80/TCP: is served for default/web, which claims it before
            b-younger 10.96.0.77:80/TCP -> refuse
            b-younger problem: frontend 198.51.100.1:80/TCP: is served for default/a-thief, which claims it before
            web 10.96.0.10:80/TCP -> refuse
            """);
        _index.Services.Remove(new ObjectName("default", "a-thief"));
        await SeenAsync(
            """
            b-younger 10.96.0.77:80/TCP -> refuse
            b-younger 198.51.100.1:80/TCP -> refuse
            web 10.96.0.10:80/TCP -> refuse
            """);
        var intents = _sink.Intents.ToArray();
        Assert.True(Array.FindLastIndex(intents, i => i.Key.Name == "a-thief") < Array.FindLastIndex(intents, i => i.Key.Name == "b-younger"));
    }

    [Fact]
    public async Task The_nodes_zone_changes_only_services_with_hints()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1", zones: "a"), Kube.Endpoint("10.244.2.2", "node-2", zones: "b")));
        Put(Kube.Web("10.96.0.20", "other"));
        _controller.SetSynced();
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.2.2:8080");
        Put(Kube.Node("node-1", "b"));
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.2.2:8080");
        _index.Node.Remove(new ObjectName("", "node-1"));
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.2.2:8080");
        Assert.Single(_sink.Intents, i => i.Key.Name == "other");
    }

    [Fact]
    public async Task A_slice_may_be_given_to_another_service()
    {
        Put(Kube.Web());
        Put(Kube.Web("10.96.0.20", "other"));
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.2")));
        _controller.SetSynced();
        await SeenAsync("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.2:8080");
        Put(Kube.Slice("s", "other", [("", "TCP", 8080)], Kube.Endpoint("10.244.1.2")));
        await SeenAsync("other 10.96.0.20:80/TCP -> 10.244.1.2:8080\nweb 10.96.0.10:80/TCP -> refuse");
    }

    private Task SeenAsync(string expected) => Eventually.TrueAsync(() => _sink.Text == ServiceRendering.Tidy(expected), () => _sink.Text);

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
