using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.State.Services;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Logging;
using Grpc.Core;

namespace ACCOffload.InfraManager.Tests.Services;

/// <summary>A service that cannot be applied does not keep its previous state on the target.</summary>
public sealed class RefusedServiceTests : IAsyncLifetime
{
    private static readonly ServiceKey Web = new("default", "web");
    private static readonly string[] Served =
    [
        "10.96.0.10:80/6 inside: [10.244.1.1:8080] affinity 0 pool 0",
        "10.96.0.10:80/6 outside: [10.244.1.1:8080] affinity 0 pool 1",
    ];

    private readonly CancellationTokenSource _stop = new();
    private readonly LogCollector _log = new();
    private readonly ServiceIndex _index = new(ServiceContext.Of(TestNode.Settings));
    private CoreHarness _core = null!;
    private ServiceController _controller = null!;
    private Task _running = Task.CompletedTask;
    private int _version;

    public async ValueTask InitializeAsync()
    {
        _core = await CoreHarness.StartAsync();
        _controller = new ServiceController(
            _index, _core.Programmer, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _running = Task.Run(() => _controller.RunAsync(_stop.Token));
        _controller.MarkSynced();
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
    public async Task An_invalid_access_list_closes_the_addresses_that_it_protects()
    {
        Put(Ranged("198.51.100.0/24"));
        await AssertTablesAsync([.. Served, .. Balanced("from 198.51.100.0/24")]);
        Put(Ranged("198.51.100.0/33"));
        await AssertTablesAsync([.. Served, .. Balanced("from ")]);
        Assert.Equal("closed", State());
        const string Reason =
            "denies every source: Service default/web: spec.loadBalancerSourceRanges[0]: \"198.51.100.0/33\" is not a CIDR range";
        Assert.Equal(new ServiceProblem("access list", Reason), Assert.Single(Spec().Problems));
        // The list has no entries, so no source matches.
        Assert.DoesNotContain(_core.Target.Rows, r => r.Table.Alias == "source_ranges");
        Put(Ranged("203.0.113.0/24"));
        await AssertTablesAsync([.. Served, .. Balanced("from 203.0.113.0/24")]);
        Assert.Equal("programmed", State());
    }

    [Fact]
    public async Task An_access_list_that_does_not_fit_on_the_target_closes_only_its_own_addresses()
    {
        Put(Ranged("198.51.100.0/24"));
        await AssertTablesAsync([.. Served, .. Balanced("from 198.51.100.0/24")]);
        RefuseInserts("source_ranges");
        Put(Ranged("203.0.113.0/24"));
        await AssertTablesAsync([.. Served, .. Balanced("from ")]);
        await Eventually.TrueAsync(() => State() == "closed", () => State());
        Assert.StartsWith(
            "denies every source: the target refused an entry", Assert.Single(Spec().Problems).Reason, StringComparison.Ordinal);
        await Eventually.TrueAsync(() => _controller.GetStatus().Refused.Count == 1, "not reported");
    }

    [Fact]
    public async Task Removed_endpoints_are_deleted_even_if_new_ones_do_not_fit()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.244.1.2")));
        await AssertTablesAsync(Both("[10.244.1.1:8080, 10.244.1.2:8080] affinity 0"));
        RefuseInserts("backends");
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1"), Kube.Endpoint("10.244.1.3")));
        await AssertTablesAsync(Both("[10.244.1.1:8080] affinity 0"));
        await Eventually.TrueAsync(() => Spec().Problems.Count == 1, "not reported");
        Assert.StartsWith("is served without its new addresses and endpoints", Spec().Problems[0].Reason, StringComparison.Ordinal);
        // Once there is room, the next change is served in full.
        _core.Target.Refuses = _ => StatusCode.OK;
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.3"), Kube.Endpoint("10.244.1.4")));
        await AssertTablesAsync(Both("[10.244.1.3:8080, 10.244.1.4:8080] affinity 0"));
        await Eventually.TrueAsync(() => Spec().Problems.Count == 0 && _controller.GetStatus().Refused.Count == 0, "still reported");
    }

    [Fact]
    public async Task A_new_service_that_does_not_fit_refuses_clients_and_reports_why()
    {
        RefuseInserts("backends");
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        Put(Kube.Web());
        await AssertTablesAsync(Both("refuse"));
        await Eventually.TrueAsync(() => State() == "unserved", () => State());
        Assert.StartsWith("is not served: the target refused an entry", Spec().Problems[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_service_that_becomes_unreadable_is_withdrawn_and_reported()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        await AssertTablesAsync(Served);
        const string Problem = "Service default/web: spec.ports[0].port: 70000 is outside 1..65535";
        _index.Services.Apply(ObjectReaders.UnreadableService(Json(Kube.Web()), Problem));
        await AssertTablesAsync([]);
        await Eventually.TrueAsync(() => State() == "unserved", () => State());
        Assert.Equal(new ServiceProblem("service", $"is not served: {Problem}"), Assert.Single(Spec().Problems));
        await _core.RestartAsync();
        Assert.Equal("unserved", State());
    }

    [Fact]
    public async Task The_endpoints_of_a_slice_that_becomes_unreadable_receive_no_traffic()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        Put(Kube.WebSlice("t", Kube.Endpoint("10.244.1.2")));
        await AssertTablesAsync(Both("[10.244.1.1:8080, 10.244.1.2:8080] affinity 0"));
        _index.Slices.Apply(ObjectReaders.UnreadableSlice(Json(Kube.WebSlice("t")), "EndpointSlice default/t: ports[0]: null"));
        await AssertTablesAsync(Both("[10.244.1.1:8080] affinity 0"));
        Assert.Equal(
            new ServiceProblem("slice t", "its endpoints receive no traffic: EndpointSlice default/t: ports[0]: null"),
            Assert.Single(Spec().Problems));
    }

    [Fact]
    public async Task A_service_with_too_many_backends_refuses_clients_and_one_with_too_many_frontends_is_withdrawn()
    {
        Put(Kube.Web());
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        await AssertTablesAsync(Served);
        for (var i = 0; i < 263; i++)
        {
            var endpoints = Enumerable.Range(0, 1000)
                .Select(e => Kube.Endpoint($"10.{i / 64}.{4 * (i % 64) + (e / 250)}.{e % 250}", "node-2"));
            _index.Slices.Apply(ObjectReaders.Slice(Json(Kube.WebSlice($"s{i}", [.. endpoints]))));
        }

        await AssertTablesAsync(Both("refuse"));
        Assert.Equal(
            ("unserved", "is not served: it has 263001 backends across all its ports, and the pipeline's tables have room for 262144"),
            (State(), Spec().Problems[0].Reason));
        var addresses = Enumerable.Range(0, 33_000).Select(i => (JsonNode?)$"198.{51 + (i / 65536)}.{i / 256}.{i % 256}");
        Put(Kube.Web().With("spec.externalIPs", new JsonArray([.. addresses])));
        await AssertTablesAsync([]);
        await Eventually.TrueAsync(
            () => Spec().Problems[0].Reason
                == "is not served: it has 33001 frontends (addresses times ports), and the pipeline's tables have room for 32768",
            () => Spec().Problems[0].Reason);
    }

    private static string[] Both(string target) =>
        [$"10.96.0.10:80/6 inside: {target} pool 0", $"10.96.0.10:80/6 outside: {target} pool 1"];

    private static string[] Balanced(string from) =>
        [.. new[] { "inside", "outside" }.Select(side => $"203.0.113.7:80/6 {side}: [10.244.1.1:8080] affinity 0 {from} pool 1")];

    private JsonObject Ranged(string ranges)
    {
        Put(Kube.WebSlice("s", Kube.Endpoint("10.244.1.1")));
        return Kube.Web().With("spec.type", "LoadBalancer")
            .With("status.loadBalancer.ingress", new JsonArray(new JsonObject { ["ip"] = "203.0.113.7" }))
            .With("spec.loadBalancerSourceRanges", new JsonArray(ranges));
    }

    private void RefuseInserts(string table) => _core.Target.Refuses = u =>
        u.Kind == UpdateKind.Insert && u.Entry.Table.Alias == table ? StatusCode.ResourceExhausted : StatusCode.OK;

    private string State() => _core.Programmer.Services.TryGetValue(Web, out var view) ? view.StateName : "none";

    private ServiceSpec Spec() => _core.Programmer.Services[Web].State.Spec;

    private async Task AssertTablesAsync(string[] expected)
    {
        var actual = "";
        await Eventually.TrueAsync(
            () =>
            {
                try
                {
                    actual = ServiceTables.Render(_core.Target.Rows.Where(r => r.Table.Alias != "pools"));
                }
                catch (InvalidDataException e)
                {
                    // The tables were read between two Writes and are inconsistent.
                    actual = e.Message;
                }
                return actual == string.Join('\n', expected.Order(StringComparer.Ordinal));
            },
            () => $"{actual}\ninstead of\n{string.Join('\n', expected)}\n{string.Join('\n', _log.Lines.TakeLast(5))}");
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
