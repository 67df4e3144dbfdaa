using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.Cluster.Services;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>What the cluster says about the node, down to the table entries.</summary>
public sealed class NodeControllerTests : IAsyncLifetime
{
    private static readonly NodeSettings Unconfigured = TestNode.Settings with { PodRanges = [], NodeAddresses = [], VirtualRanges = [] };

    private static readonly string[] NodeTables = ["pools", "routes", "local_sources"];

    // In the rows of the gateway, of the host interface, and of addresses that no router forwards.
    private static readonly string[] Always = ["169.254.", "200.1.1.2", "127.0.0.0/8", "dst_ip=0.0.0.0/8"];

    private CancellationTokenSource _stop = null!;
    private readonly LogCollector _log = new();
    private CoreHarness _core = null!;
    private ServiceIndex _index = null!;
    private NodeController _controller = null!;
    private Task _running = Task.CompletedTask;
    private int _version;

    public async ValueTask InitializeAsync() => await StartAsync(Unconfigured);

    public async ValueTask DisposeAsync()
    {
        if (!_running.IsCompleted)
        {
            await StopAsync();
        }

        await _core.DisposeAsync();
    }

    [Fact]
    public async Task The_nodes_addresses_and_ranges_reach_the_tables()
    {
        await _core.AttachAsync(TestNode.Host());
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10", "2001:db8::10"], "10.244.1.0/24", "2001:db8:1::/64"));
        Put(Kube.ServiceRange("kubernetes", "10.96.0.0/12"));
        Put(Kube.ServiceRange("more", "10.200.0.0/16"));

        await RowsAsync(
            "local_sources src_ip=192.0.2.10 -> node_source", "pools pool=1 -> pool_ports(ip=192.0.2.10",
            "pools pool=255 -> pool_ports(ip=192.0.2.10", "routes dst_ip=10.200.0.0/16 -> unassigned",
            "routes dst_ip=10.244.1.0/24 -> unassigned", "routes dst_ip=10.96.0.0/12 -> unassigned",
            "routes dst_ip=192.0.2.10/32 -> to_port");
        Assert.Equal("192.0.2.10 2001:db8::10", string.Join(' ', _core.Programmer.Node.NodeAddresses));
        await _core.AttachAsync(TestNode.Pod(1) with { Addresses = [IPAddress.Parse("10.244.1.7")] });
    }

    [Fact]
    public async Task A_changed_address_replaces_the_old_one()
    {
        await _core.AttachAsync(TestNode.Host());
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.11"], "10.244.1.0/24"));
        await RowsAsync(
            "local_sources src_ip=192.0.2.11 -> node_source", "pools pool=1 -> pool_ports(ip=192.0.2.11",
            "pools pool=255 -> pool_ports(ip=192.0.2.11", "routes dst_ip=10.244.1.0/24 -> unassigned",
            "routes dst_ip=192.0.2.11/32 -> to_port");
    }

    [Fact]
    public async Task Configured_values_take_precedence()
    {
        await StopAsync();
        await _core.DisposeAsync();
        await StartAsync(TestNode.Settings);
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.77"], "10.7.0.0/16"));
        await Eventually.TrueAsync(() => _log.Contains("Node addresses: 192.0.2.10;"), () => string.Join('\n', _log.Lines));
        Assert.Equal("10.244.0.0/16", string.Join(' ', _core.Programmer.Node.PodRanges));
    }

    [Fact]
    public async Task A_deleted_node_keeps_its_addresses_and_so_does_a_restart()
    {
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        _controller.Node.Remove(new ObjectName("", "node-1"));
        _controller.Node.Replace([], []);
        await StopAsync();
        await _core.RestartAsync();
        Assert.Equal("192.0.2.10", string.Join(' ', _core.Programmer.Node.NodeAddresses));
        Assert.Equal("10.244.1.0/24", string.Join(' ', _core.Programmer.Node.PodRanges));
        Assert.Contains(Rows(), r => r == "pools pool=1 -> pool_ports(ip=192.0.2.10");
    }

    [Fact]
    public async Task A_node_that_registers_anew_keeps_its_addresses_until_it_has_others()
    {
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        Put(Kube.Node("node-1", "a"));
        Put(Kube.ServiceRange("kubernetes", "10.96.0.0/12"));
        await Eventually.TrueAsync(() => _core.Programmer.Node.VirtualRanges.Count == 1, () => string.Join('\n', _log.Lines));
        Assert.Equal("192.0.2.10", string.Join(' ', _core.Programmer.Node.NodeAddresses));
        Assert.Equal("10.244.1.0/24", string.Join(' ', _core.Programmer.Node.PodRanges));
    }

    [Fact]
    public async Task An_unreadable_service_range_does_not_remove_the_stored_ones()
    {
        Put(Kube.ServiceRange("kubernetes", "10.96.0.0/12"));
        await Eventually.TrueAsync(() => _core.Programmer.Node.VirtualRanges.Count == 1, () => string.Join('\n', _log.Lines));
        await StopAsync();
        _controller = new NodeController(_core.Programmer, _index, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _stop = new CancellationTokenSource();
        _running = _controller.RunAsync(_stop.Token);
        _controller.ServiceRanges.Replace([], [new ObjectName("", "kubernetes")]);
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        Assert.Single(_core.Programmer.Node.VirtualRanges);
    }

    [Fact]
    public async Task Without_a_watch_the_clusters_earlier_values_are_not_used()
    {
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        await StopAsync();
        _core.Options = _core.Options with { WatchesCluster = false };
        await _core.RestartAsync();
        Assert.Empty(_core.Programmer.Node.NodeAddresses);
        await Eventually.TrueAsync(() => Rows().Length == 0, () => string.Join('\n', Rows()));
    }

    [Fact]
    public async Task A_range_that_conflicts_is_refused_and_named_until_it_is_corrected()
    {
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        Put(Kube.Node("node-1", "a").WithAddresses(["10.244.2.1"], "10.244.2.0/24"));
        await Eventually.TrueAsync(
            () => _controller.Problem.StartsWith(
                "Node:NodeAddresses: 10.244.2.1 lies in the pod range 10.244.2.0/24", StringComparison.Ordinal),
            () => _controller.Problem);
        Assert.Equal("192.0.2.10", string.Join(' ', _core.Programmer.Node.NodeAddresses));
        Assert.False(NodeCondition.Of(_core.Programmer.Node, _controller.Problem).Ok);

        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.12"], "10.244.2.0/24"));
        await UntilAddressAsync("192.0.2.12");
        await Eventually.TrueAsync(() => _controller.Problem.Length == 0, () => _controller.Problem);
    }

    [Fact]
    public async Task Until_the_pod_ranges_are_known_no_pod_can_be_added()
    {
        var condition = NodeCondition.Of(_core.Programmer.Node, "");
        Assert.True(condition is { Ok: false, PreventsAdds: true }, condition.ToString());
        var refused = await Assert.ThrowsAsync<IntentException>(() => _core.AttachAsync(TestNode.Pod(1)));
        Assert.Equal(IntentError.Unavailable, refused.Code);
        Assert.Contains("pod ranges are not known", refused.Message, StringComparison.Ordinal);

        Put(Kube.Node("node-1", "a").WithAddresses([], "10.244.0.0/16"));
        await Eventually.TrueAsync(() => NodeCondition.Of(_core.Programmer.Node, "").Ok, () => string.Join('\n', _log.Lines));
        await _core.AttachAsync(TestNode.Pod(1));
    }

    [Fact]
    public async Task Node_ports_follow_the_nodes_addresses()
    {
        _index.Services.Apply(ObjectReaders.Service(Json(Kube.Service("web", "10.96.0.10", ("", "TCP", 80, 30080)))));
        _index.Services.Apply(ObjectReaders.Service(Json(Kube.Web("10.96.0.11", "plain"))));
        Assert.Equal("10.96.0.10:80 10.96.0.11:80", Frontends());
        Put(Kube.Node("node-1", "a").WithAddresses(["192.0.2.10"], "10.244.1.0/24"));
        await UntilAddressAsync("192.0.2.10");
        // All services are resolved again in one step, so the first non-empty list is complete.
        var changed = "";
        await Eventually.TrueAsync(() => (changed = Frontends()).Length > 0, () => string.Join('\n', _log.Lines));
        Assert.Equal("10.96.0.10:80 10.96.0.11:80 192.0.2.10:30080", changed);
    }

    private string Frontends() => string.Join(' ', _index.Take(100).SelectMany(i => i.Spec!.Ports).SelectMany(p => p.Frontends)
        .Select(f => $"{f.Address}:{f.Port}").Order(StringComparer.Ordinal));

    private async Task StartAsync(NodeSettings node)
    {
        _core = await CoreHarness.StartAsync(node: node);
        _index = new ServiceIndex(ServiceContext.Of(_core.Programmer.Node));
        _controller = new NodeController(_core.Programmer, _index, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _stop = new CancellationTokenSource();
        _running = _controller.RunAsync(_stop.Token);
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _controller.Dispose();
    }

    private byte[] Json(JsonObject item) =>
        Encoding.UTF8.GetBytes(item.With("metadata.resourceVersion", $"{++_version}").ToJsonString());

    private void Put(JsonObject item)
    {
        if (Kube.PathOf(item) == Kube.Nodes)
        {
            _controller.Node.Apply(ObjectReaders.Node(Json(item)));
        }
        else
        {
            _controller.ServiceRanges.Apply(ObjectReaders.ServiceRange(Json(item)));
        }
    }

    private Task UntilAddressAsync(string address) => Eventually.TrueAsync(
        () => string.Join(' ', _core.Programmer.Node.NodeAddresses) == address, () => string.Join('\n', _log.Lines));

    private Task RowsAsync(params string[] expected) => Eventually.TrueAsync(
        () => Rows().SequenceEqual(expected), () => $"{string.Join('\n', Rows())}\n{string.Join('\n', _log.Lines)}");

    /// <summary>The entries that depend on the node's addresses and ranges, without parameters except a pool's address.</summary>
    private string[] Rows() => [.. _core.Target.Rows.Where(r => NodeTables.Contains(r.Key.Table.Alias)).Select(Shorten)
        .Where(r => !Always.Any(r.Contains)).Order(StringComparer.Ordinal)];

    private static string Shorten(Entry row)
    {
        var text = row.ToString();
        return text[..text.IndexOfAny(text.StartsWith("pools", StringComparison.Ordinal) ? [','] : ['('])];
    }
}
