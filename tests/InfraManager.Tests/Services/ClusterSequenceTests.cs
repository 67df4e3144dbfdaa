using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.TestKit.Cluster;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>
/// Sequences of cluster states replayed on a fake API server. Each step pairs the expected handling of new flows (kube-proxy v1.31,
/// according to its documentation) with the cluster's objects. Each sequence runs forwards, backwards, without pauses, and with lost
/// connections.
/// </summary>
public sealed class ClusterSequenceTests : IAsyncLifetime
{
    private readonly RecordingServices _sink = new();
    private ClusterFixture _cluster = null!;
    private ClusterWatch _watch = null!;

    public static TheoryData<string> Names => [.. Sequences.Keys];

    private static readonly Dictionary<string, (string Expected, JsonObject[] Cluster)[]> Sequences = new()
    {
        ["scale up"] =
        [
            ("web 10.96.0.10:80/TCP -> refuse", [Kube.Web()]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Slice("s", 1)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080", [Kube.Web(), Slice("s", 1, 2)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080", [Kube.Web(), Slice("s", 1, 2, 3)]),
        ],
        ["scale down through terminating endpoints"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080", [Kube.Web(), Slice("s", 1, 2, 3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.3:8080",
                [Kube.Web(), Kube.WebSlice("s", Pod(1), Kube.Terminating("10.244.1.2"), Pod(3))]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.3:8080", [Kube.Web(), Slice("s", 1, 3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Slice("s", 1)]),
        ],
        ["to zero and back"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080", [Kube.Web(), Slice("s", 1, 2)]),
            // Nothing is ready, so terminating endpoints are used.
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080",
                [Kube.Web(), Kube.WebSlice("s", Kube.Terminating("10.244.1.1"), Kube.Terminating("10.244.1.2"))]),
            ("web 10.96.0.10:80/TCP -> refuse", [Kube.Web(), Slice("s")]),
            ("web 10.96.0.10:80/TCP -> refuse", [Kube.Web(), Kube.WebSlice("s", Kube.Endpoint("10.244.1.3", ready: false))]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.3:8080", [Kube.Web(), Slice("s", 3)]),
        ],
        ["rolling update to another target port"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080", [Kube.Web(), Slice("old", 1, 2)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:9090", [Kube.Web(), Slice("old", 1, 2), New(3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.2:8080 10.244.1.3:9090",
                [Kube.Web(), Kube.WebSlice("old", Kube.Terminating("10.244.1.1"), Pod(2)), New(3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.3:9090 10.244.1.4:9090",
                [Kube.Web(), Kube.WebSlice("old", Kube.Terminating("10.244.1.2")), New(3, 4)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.3:9090 10.244.1.4:9090", [Kube.Web(), New(3, 4)]),
        ],
        ["port rename"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Named("http"), NamedSlice("http")]),
            // The port is renamed in the Service first; until the slices follow, it has no endpoints.
            ("web 10.96.0.10:80/TCP -> refuse", [Named("web"), NamedSlice("http")]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Named("web"), NamedSlice("web")]),
        ],
        ["an address reused by another service's pod"] =
        [
            ("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Other(), Slice("s", 1)]),
            ("other 10.96.0.20:80/TCP -> refuse\nweb 10.96.0.10:80/TCP -> refuse", [Kube.Web(), Other(), Slice("s")]),
            ("other 10.96.0.20:80/TCP -> 10.244.1.1:8080\nweb 10.96.0.10:80/TCP -> refuse",
                [Kube.Web(), Other(), Slice("s"), OtherSlice(1)]),
        ],
        ["slice split and merge"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080", [Kube.Web(), Slice("a", 1, 2, 3)]),
            // For a while the endpoints are in both slices.
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080",
                [Kube.Web(), Slice("a", 1, 2, 3), Slice("b", 2, 3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080", [Kube.Web(), Slice("a", 1), Slice("b", 2, 3)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080 10.244.1.4:8080",
                [Kube.Web(), Slice("a", 1), Slice("b", 1, 2, 3, 4)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080 10.244.1.2:8080 10.244.1.3:8080 10.244.1.4:8080",
                [Kube.Web(), Slice("b", 1, 2, 3, 4)]),
        ],
        ["delete and create again with another address"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Slice("s", 1)]),
            ("", [Slice("s", 1)]),
            ("", []),
            ("web 10.96.0.99:80/TCP -> refuse", [Kube.Web("10.96.0.99")]),
            ("web 10.96.0.99:80/TCP -> 10.244.1.7:8080", [Kube.Web("10.96.0.99"), Slice("s", 7)]),
        ],
        ["from ClusterIP to NodePort to headless to ExternalName"] =
        [
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Slice("s", 1)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080\nweb 192.0.2.10:30080/TCP -> ~ 10.244.1.1:8080",
                [Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080)).With("spec.type", "NodePort"), Slice("s", 1)]),
            ("", [Kube.Service("web", "None", ("", "TCP", 80, 0)), Slice("s", 1)]),
            ("", [Kube.Service("web", null, ("", "TCP", 80, 0)).With("spec.type", "ExternalName"), Slice("s", 1)]),
            ("web 10.96.0.10:80/TCP -> 10.244.1.1:8080", [Kube.Web(), Slice("s", 1)]),
        ],
    };

    private FakeApiServer Server => _cluster.Server;

    public async ValueTask InitializeAsync()
    {
        _cluster = await ClusterFixture.StartAsync();
        _watch = new ClusterWatch(
            _cluster.Settings, TestNode.Settings, _sink, null, policy: false, _cluster.Options, TimeProvider.System,
            _cluster.Log.CreateLogger("Kubernetes"));
        Server.Put(Kube.Node("node-1", "a"));
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_services_follow_the_steps_forwards_and_backwards(string name)
    {
        var steps = Sequences[name];
        await StartAsync(steps[0].Cluster);
        foreach (var step in steps.Concat(steps.Reverse()))
        {
            Server.ReplaceAll(step.Cluster);
            await AssertAppliedAsync(step.Expected);
        }
        Assert.Equal(1, Server.CountLists(Kube.Services));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_services_follow_the_steps_without_pauses(string name)
    {
        var steps = Sequences[name];
        await StartAsync(steps[0].Cluster);
        for (var round = 0; round < 3; round++)
        {
            foreach (var step in steps)
            {
                Server.ReplaceAll(step.Cluster);
            }

            await AssertAppliedAsync(steps[^1].Expected);
            foreach (var step in steps.Reverse())
            {
                Server.ReplaceAll(step.Cluster);
            }

            await AssertAppliedAsync(steps[0].Expected);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_services_follow_the_steps_despite_lost_connections_and_expired_history(string name)
    {
        var steps = Sequences[name];
        await StartAsync(steps[0].Cluster);
        var i = 0;
        foreach (var step in steps.Concat(steps.Reverse()))
        {
            Server.DropWatches();
            Server.ReplaceAll(step.Cluster);
            if (i++ % 2 == 0)
            {
                Server.Compact();
            }

            Server.DropWatches();
            await AssertAppliedAsync(step.Expected);
        }
    }

    [Fact]
    public async Task The_status_reports_the_progress_of_the_watch()
    {
        await StartAsync([Kube.Web(), Slice("s", 1)]);
        await AssertAppliedAsync("web 10.96.0.10:80/TCP -> 10.244.1.1:8080");
        var status = _watch.GetStatus();
        Assert.Equal(Server.Address + "/", status.Server);
        Assert.Equal(["Service 1", "EndpointSlice 1", "Node 1"], status.Kinds.Select(k => $"{k.Kind} {k.Objects}"));
        Assert.True(status.Services.Synced);
        Assert.Equal(1, status.Services.Services);
    }

    [Fact]
    public async Task A_service_deleted_while_the_watch_was_down_is_removed_only_after_the_list()
    {
        _sink.AddKnown(new ServiceKey("default", "gone"), new ServiceKey("default", "web"));
        Server.Intercept = async c =>
        {
            if (!c.Request.Path.StartsWithSegments(Kube.Slices))
            {
                return false;
            }

            await FakeApiServer.FailAsync(c, 503, "ServiceUnavailable", "not yet");
            return true;
        };
        Server.Put(Kube.Web(), Slice("s", 1));
        _watch.Start();
        await Eventually.TrueAsync(() => _watch.GetStatus().Kinds[1].Errors > 2 && _watch.GetStatus().Kinds[0].Synced, "no errors");
        Assert.Empty(_sink.Intents);
        Server.Intercept = null;
        await AssertAppliedAsync("web 10.96.0.10:80/TCP -> 10.244.1.1:8080");
        await Eventually.TrueAsync(() => !_sink.IsKnown(new ServiceKey("default", "gone")), "it stays");
        Assert.Equal(2, _sink.Intents.Count);
    }

    private async Task StartAsync(JsonObject[] cluster)
    {
        Server.ReplaceAll(cluster);
        _watch.Start();
        await Eventually.TrueAsync(() => _watch.GetStatus().Services.Synced, () => $"{_watch.GetStatus().Kinds[0]}");
    }

    private Task AssertAppliedAsync(string expected) => Eventually.TrueAsync(
        () => _sink.Text == expected,
        () => $"{_sink.Text} instead of {expected}; {string.Join('\n', _cluster.Log.Lines.TakeLast(5))}");

    private static JsonObject Pod(int number) => Kube.Endpoint($"10.244.1.{number}");

    private static JsonObject Slice(string name, params int[] pods) => Kube.WebSlice(name, [.. pods.Select(Pod)]);

    private static JsonObject New(params int[] pods) => Kube.Slice("new", "web", [("", "TCP", 9090)], [.. pods.Select(Pod)]);

    private static JsonObject Named(string port) => Kube.Service("web", "10.96.0.10", (port, "TCP", 80, 0));

    private static JsonObject NamedSlice(string port) => Kube.Slice("s", "web", [(port, "TCP", 8080)], Pod(1));

    private static JsonObject Other() => Kube.Web("10.96.0.20", "other");

    private static JsonObject OtherSlice(params int[] pods) => Kube.Slice("o", "other", [("", "TCP", 8080)], [.. pods.Select(Pod)]);
}
