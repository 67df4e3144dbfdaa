using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State;
using ACCOffload.InfraManager.Tests.Fixtures;
using ACCOffload.InfraManager.Tests.Kubernetes;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>What cannot be applied does not leave the former state on the target, from the cluster's objects to the tables.</summary>
public sealed class RefusedServiceTests : IAsyncLifetime
{
    private static readonly ServiceKey Web = new("default", "web");
    private static readonly string[] Served =
    [
        "10.96.0.10:80/6 inside: [10.244.1.1:8080] affinity 0 pool 0",
        "10.96.0.10:80/6 outside: [10.244.1.1:8080] affinity 0 pool 1",
    ];

    private readonly CancellationTokenSource _stop = new();
    private readonly LogCapture _log = new();
    private readonly ServiceIndex _index = new(ServiceContext.Of(TestNode.Settings));
    private CoreHarness _core = null!;
    private ServiceController _controller = null!;
    private Task _running = Task.CompletedTask;
    private int _version;

    public async ValueTask InitializeAsync()
    {
        _core = await CoreHarness.StartAsync();
        _controller = new ServiceController(_index, _core.Programmer, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _controller.RunAsync(_stop.Token));
        _controller.SetSynced();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _controller.Dispose();
        await _core.DisposeAsync();
        _log.Dispose();
        _stop.Dispose();
    }

    [Fact]
    public async Task An_access_list_that_makes_no_sense_closes_the_addresses_that_it_guards()
    {
        Put(Ranged("198.51.100.0/24"));
        await HoldsAsync([.. Served, .. Balanced("from 198.51.100.0/24")]);
        Put(Ranged("198.51.100.0/33"));
        await HoldsAsync([.. Served, .. Balanced("from ")]);
        Assert.Equal("closed", State());
        Assert.Equal(new ServiceProblem("access list", "denies every source: Service default/web: spec.loadBalancerSourceRanges[0]: \"198.51.100.0/33\" is no range of addresses"), Assert.Single(Spec().Problems));
        // Nobody may: without a row of the list there is no range that a source is in.
        Assert.DoesNotContain(_core.Target.Rows, r => r.Table.Alias == "source_ranges");
        Put(Ranged("203.0.113.0/24"));
        await HoldsAsync([.. Served, .. Balanced("from 203.0.113.0/24")]);
        Assert.Equal("programmed", State());
    }

    [Fact]
    public async Task An_access_list_that_the_target_has_no_room_for_closes_them_too_and_not_the_rest()
    {
        Put(Ranged("198.51.100.0/24"));
        await HoldsAsync([.. Served, .. Balanced("from 198.51.100.0/24")]);
        _core.Target.Refuses = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "source_ranges" ? StatusCode.ResourceExhausted : StatusCode.OK;
        Put(Ranged("203.0.113.0/24"));
        await HoldsAsync([.. Served, .. Balanced("from ")]);
        await Eventually.TrueAsync(() => State() == "closed", () => State());
        Assert.StartsWith("denies every source: the target refused an entry", Assert.Single(Spec().Problems).Reason, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => _controller.GetStatus().Refused.Count == 1, "not told");
    }

    [Fact]
    public async Task Where_there_is_no_room_for_new_endpoints_those_that_went_go_all_the_same()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.244.1.2")));
        await HoldsAsync(Both("[10.244.1.1:8080, 10.244.1.2:8080] affinity 0"));
        _core.Target.Refuses = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "backends" ? StatusCode.ResourceExhausted : StatusCode.OK;
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.244.1.3")));
        await HoldsAsync(Both("[10.244.1.1:8080] affinity 0"));
        await Eventually.TrueAsync(() => Spec().Problems.Count == 1, "not told");
        Assert.StartsWith("is served without its new addresses and endpoints", Spec().Problems[0].Reason, StringComparison.Ordinal);
        // As soon as there is room the next change is served in full.
        _core.Target.Refuses = _ => StatusCode.OK;
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.3"), Kube.Endpoint("10.244.1.4")));
        await HoldsAsync(Both("[10.244.1.3:8080, 10.244.1.4:8080] affinity 0"));
        await Eventually.TrueAsync(() => Spec().Problems.Count == 0, "still told");
        Assert.Empty(_controller.GetStatus().Refused);
    }

    [Fact]
    public async Task A_new_service_that_there_is_no_room_for_refuses_and_says_why()
    {
        _core.Target.Refuses = u => u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == "backends" ? StatusCode.ResourceExhausted : StatusCode.OK;
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        Put(Kube.Web());
        await HoldsAsync(Both("refuse"));
        await Eventually.TrueAsync(() => State() == "unserved", () => State());
        Assert.StartsWith("is not served: the target refused an entry", Spec().Problems[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_can_no_longer_be_read_is_withdrawn_and_shown()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        await HoldsAsync(Served);
        _index.Services.Apply(ObjectReaders.UnreadableService(Json(Kube.Web()), "Service default/web: spec.ports[0].port: 70000 is no port"));
        await HoldsAsync([]);
        await Eventually.TrueAsync(() => State() == "unserved", () => State());
        Assert.Equal(new ServiceProblem("service", "is not served: Service default/web: spec.ports[0].port: 70000 is no port"), Assert.Single(Spec().Problems));
        await _core.RestartAsync();
        Assert.Equal("unserved", State());
    }

    [Fact]
    public async Task A_slice_that_can_no_longer_be_read_gives_its_endpoints_nothing()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        Put(Kube.WebSlice("t", Kube.Endpoint("10.244.1.2")));
        await HoldsAsync(Both("[10.244.1.1:8080, 10.244.1.2:8080] affinity 0"));
        _index.Slices.Apply(ObjectReaders.UnreadableSlice(Json(Kube.WebSlice("t")), "EndpointSlice default/t: ports[0]: is null"));
        await HoldsAsync(Both("[10.244.1.1:8080] affinity 0"));
        Assert.Equal(new ServiceProblem("slice t", "its endpoints get nothing: EndpointSlice default/t: ports[0]: is null"), Assert.Single(Spec().Problems));
    }

    [Fact]
    public async Task Backends_beyond_the_tables_make_it_refuse_and_frontends_beyond_them_withdraw_it()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        await HoldsAsync(Served);
        for (var i = 0; i < 263; i++)
        {
            _index.Slices.Apply(ObjectReaders.Slice(Json(Kube.WebSlice($"s{i}", [.. Enumerable.Range(0, 1000).Select(e => Kube.Endpoint($"10.{i / 64}.{4 * (i % 64) + (e / 250)}.{e % 250}", "node-2"))]))));
        }

        await HoldsAsync(Both("refuse"));
        Assert.Equal(("unserved", "is not served: it has 263001 backends over all its ports, and the pipeline's tables have room for 262144"), (State(), Spec().Problems[0].Reason));
        Put(Kube.Web().With("spec.externalIPs", new JsonArray([.. Enumerable.Range(0, 33_000).Select(i => (JsonNode?)$"198.{51 + (i / 65536)}.{i / 256}.{i % 256}")])));
        await HoldsAsync([]);
        await Eventually.TrueAsync(() => Spec().Problems[0].Reason == "is not served: it has 33001 frontends (addresses times ports), and the pipeline's tables have room for 32768", () => Spec().Problems[0].Reason);
    }

    private static string[] Both(string who) => [$"10.96.0.10:80/6 inside: {who} pool 0", $"10.96.0.10:80/6 outside: {who} pool 1"];

    private static string[] Balanced(string from) =>
        [.. new[] { "inside", "outside" }.Select(side => $"203.0.113.7:80/6 {side}: [10.244.1.1:8080] affinity 0 {from} pool 1")];

    private JsonObject Ranged(string ranges)
    {
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        return Kube.Web().With("spec.type", "LoadBalancer").With("status.loadBalancer.ingress", new JsonArray(new JsonObject { ["ip"] = "203.0.113.7" }))
            .With("spec.loadBalancerSourceRanges", new JsonArray(ranges));
    }

    private string State() => _core.Programmer.Services.TryGetValue(Web, out var view) ? view.StateName : "none";

    private ServiceSpec Spec() => _core.Programmer.Services[Web].State.Spec;

    private async Task HoldsAsync(string[] expected)
    {
        var said = "";
        await Eventually.TrueAsync(
            () =>
            {
                try
                {
                    said = ServiceTables.Render(_core.Target.Rows.Where(r => r.Table.Alias != "pools"));
                }
                catch (InvalidDataException e)
                {
                    // Between two Writes.
                    said = e.Message;
                }
                return said == string.Join('\n', expected.Order(StringComparer.Ordinal));
            },
            () => $"{said}\ninstead of\n{string.Join('\n', expected)}\n{string.Join('\n', _log.Lines.TakeLast(5))}");
    }

    private byte[] Json(JsonObject item) => Encoding.UTF8.GetBytes(item.With("metadata.resourceVersion", $"{++_version}").ToJsonString());

    private void Put(JsonObject item)
    {
        if (Kube.PathOf(item) == Kube.Services)
        {
            _index.Services.Apply(ObjectReaders.Service(Json(item)));
        }
        else
        {
            _index.Slices.Apply(ObjectReaders.Slice(Json(item)));
        }
    }
}
