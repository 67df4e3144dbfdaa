using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ACCOffload.InfraManager.Cluster.Nodes;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Admission;
using ACCOffload.InfraManager.State.Node;
using ACCOffload.InfraManager.Tests.Support;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.P4Runtime.Entries;
using ACCOffload.TestKit.Cluster;
using ACCOffload.TestKit.Logging;

namespace ACCOffload.InfraManager.Tests.Kubernetes;

/// <summary>What the cluster says about its other nodes, down to the table entries.</summary>
public sealed partial class RemoteNodeTests : IAsyncLifetime
{
    // The gateway's and the host interface's, and those of addresses that no router forwards.
    private static readonly string[] Always = ["169.254.", "200.1.1.2", "127.0.0.0/8", "never_routed", "unassigned", "192.0.2.10/32"];

    private static readonly string[] Tables = ["routes", "destinations", "next_hops", "tunnels"];

    private static readonly NodeSettings Settings = TestNode.Settings with
    {
        PodRanges = [IPNetwork.Parse("10.244.1.0/24")],
        ClusterRanges = [IPNetwork.Parse("10.244.0.0/16")],
        Uplink = new UplinkSettings(
            "up", MacAddress.Parse("02:aa:00:00:00:01"),
            [new UplinkRoute(IPNetwork.Parse("0.0.0.0/0"), IPAddress.Parse("192.0.2.1"))])
        {
            Addresses = [new UplinkAddress(IPAddress.Parse("192.0.2.10"), 24)],
            Exception = new ExceptionPort("exc", "accx1", "/run/netns/none"),
        },
    };

    private readonly LogCollector _log = new();
    private CancellationTokenSource _stop = null!;
    private CoreHarness _core = null!;
    private RemoteNodeController _controller = null!;
    private Task _running = Task.CompletedTask;
    private int _version;

    public async ValueTask InitializeAsync() => await StartAsync(Settings);

    public async ValueTask DisposeAsync()
    {
        if (!_running.IsCompleted)
        {
            await StopAsync();
        }

        await _core.DisposeAsync();
    }

    [Fact]
    public async Task A_node_on_the_link_is_one_row_that_leads_to_its_neighbour()
    {
        await ListAsync(Node("node-2", "192.0.2.20", "10.244.2.0/24"));
        await RowsAsync(
            "destinations prefix=10.244.2.0 mask=255.255.255.0 -> destination(1)",
            "next_hops id=1 -> unresolved",
            "routes 0.0.0.0/0 -> to_next_hop(1)", "routes 10.244.0.0/16 -> to_destination(255.255.255.0, 1)",
            "routes 192.0.2.0/24 -> to_destination(255.255.255.255, 1)");
        Assert.Equal("192.0.2.1 192.0.2.20", NextHops());

        await ResolveAsync("192.0.2.20", "02:bb:00:00:00:02");
        await RowsAsync(
            "destinations prefix=10.244.2.0 mask=255.255.255.0 -> destination(17)",
            "destinations prefix=192.0.2.20 mask=255.255.255.255 -> destination(17)",
            "next_hops id=1 -> unresolved", "next_hops id=17 -> direct(02:bb:00:00:00:02, 65535)",
            "routes 0.0.0.0/0 -> to_next_hop(1)", "routes 10.244.0.0/16 -> to_destination(255.255.255.0, 1)",
            "routes 192.0.2.0/24 -> to_destination(255.255.255.255, 1)");

        // A new MAC address, or none, is one row.
        var before = Rows();
        await ResolveAsync("192.0.2.20", "02:bb:00:00:00:03");
        Assert.Equal(["next_hops id=17 -> direct(02:bb:00:00:00:03, 65535)"], Rows().Except(before));
        before = Rows();
        await ResolveAsync("192.0.2.20", null);
        Assert.Equal(["next_hops id=17 -> unresolved"], Rows().Except(before));

        _controller.Remove(new ObjectName("", "node-2"));
        await RowsAsync(r => !r.Any(l => l.Contains("10.244.2.0", StringComparison.Ordinal)));
        Assert.Equal("192.0.2.1", NextHops());
    }

    [Fact]
    public async Task A_node_beyond_a_router_is_reached_through_a_tunnel()
    {
        await ListAsync(Node("node-3", "198.51.100.3", "10.244.3.0/24"));
        await ResolveAsync("192.0.2.1", "02:bb:00:00:00:01");
        // RFC 1071 over 4500 0000 0000 4000 4011 0000 c000 020a c633 6403, without the length.
        await RowsAsync(
            "destinations prefix=10.244.3.0 mask=255.255.255.0 -> destination(16)",
            "destinations prefix=192.0.2.1 mask=255.255.255.255 -> destination(17)",
            "next_hops id=1 -> unresolved",
            $"next_hops id=16 -> vxlan(17, 192.0.2.10, 198.51.100.3, {CalicoMac("node-1")}, {CalicoMac("node-3")}, 4096, 4789, b153, 1450)",
            "next_hops id=17 -> direct(02:bb:00:00:00:01, 65535)",
            "routes 0.0.0.0/0 -> to_next_hop(17)", "routes 10.244.0.0/16 -> to_destination(255.255.255.0, 17)",
            "routes 192.0.2.0/24 -> to_destination(255.255.255.255, 1)",
            "tunnels 198.51.100.3 4096 -> tunnel_peer(16, 255.255.255.0)");
    }

    [Fact]
    public async Task The_cluster_announces_tunnel_ends_by_annotations()
    {
        await ListAsync(
            Node("calico", "198.51.100.3", "10.244.3.0/24").With("metadata.annotations", new JsonObject
            {
                ["projectcalico.org/IPv4Address"] = "203.0.113.3/24",
                ["projectcalico.org/VXLANTunnelMACAddr"] = "66:01:02:03:04:05",
            }),
            Node("flannel", "198.51.100.4", "10.244.4.0/24").With("metadata.annotations", new JsonObject
            {
                ["flannel.alpha.coreos.com/public-ip"] = "203.0.113.4",
                ["flannel.alpha.coreos.com/backend-data"] = """{"VNI":1,"VtepMAC":"66:01:02:03:04:06"}""",
            }));
        await RowsAsync(r => r.Count(l => l.StartsWith("tunnels", StringComparison.Ordinal)) == 2);
        Assert.Contains(Rows(), r => Has(r, "203.0.113.3, ") && Has(r, "66:01:02:03:04:05"));
        Assert.Contains(Rows(), r => Has(r, "203.0.113.4, ") && Has(r, "66:01:02:03:04:06"));
        static bool Has(string row, string text) => row.Contains(text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Auto", "direct", "tunnel")]
    [InlineData("Always", "tunnel", "tunnel")]
    [InlineData("Never", "direct", "routed")]
    public async Task The_configuration_decides_when_packets_are_encapsulated(string mode, string onLink, string beyond)
    {
        await RestartAsync(Settings with { Tunnel = new TunnelSettings { Mode = Enum.Parse<EncapsulationMode>(mode) } });
        await ListAsync(Node("near", "192.0.2.20", "10.244.2.0/24"), Node("far", "198.51.100.3", "10.244.3.0/24"));
        await Eventually.TrueAsync(() => _core.Programmer.RemoteNodes.Count() == 2, () => string.Join('\n', _log.Lines));
        string PathOf(string name) =>
            _core.Programmer.RemoteNodes.Single(n => n.Node.Name == name).Path.Kind.ToString().ToLowerInvariant();
        Assert.Equal((onLink, beyond), (PathOf("near"), PathOf("far")));
        Assert.Equal(
            new[] { onLink, beyond }.Count(p => p == "tunnel"), Rows().Count(r => r.StartsWith("tunnels", StringComparison.Ordinal)));
        Assert.Equal(
            new[] { onLink, beyond }.Count(p => p != "routed"),
            Rows().Count(r => r.StartsWith("destinations", StringComparison.Ordinal) && r.Contains("10.244.", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Only_a_complete_list_removes_nodes_and_a_restart_keeps_them()
    {
        await ListAsync(Node("node-2", "192.0.2.20", "10.244.2.0/24"), Node("node-3", "192.0.2.30", "10.244.3.0/24"));
        await RowsAsync(r => r.Count(IsNode) == 2);
        await StopAsync();
        await _core.RestartAsync();
        Assert.Equal(2, Rows().Count(IsNode));
        StartController();
        Apply(Node("node-4", "192.0.2.40", "10.244.4.0/24"));
        await RowsAsync(r => r.Count(IsNode) == 3);
        _controller.Replace(
            [ObjectReaders.Node(Json(Node("node-2", "192.0.2.20", "10.244.2.0/24")))], [new ObjectName("", "node-3")]);
        await RowsAsync(r => r.Count(IsNode) == 2);
        // What cannot be read now is kept as it was.
        Assert.Contains(Rows(), r => r.Contains("10.244.3.0", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_range_belongs_to_the_first_node_until_it_is_withdrawn()
    {
        await ListAsync(Node("node-2", "192.0.2.20", "10.244.2.0/24"));
        await ResolveAsync("192.0.2.20", "02:bb:00:00:00:02");
        await ResolveAsync("192.0.2.21", "02:bb:00:00:00:03");
        Apply(Node("node-2b", "192.0.2.21", "10.244.2.0/24"));
        await Eventually.TrueAsync(() => _core.Programmer.RemoteNodes.Count() == 2, () => string.Join('\n', _log.Lines));
        Assert.Contains(Rows(), r => r == "destinations prefix=10.244.2.0 mask=255.255.255.0 -> destination(17)");
        Assert.Equal(
            "another node has its pod range 10.244.2.0/24", _core.Programmer.RemoteNodes.Single(n => n.Node.Name == "node-2b").Problem);
        _controller.Remove(new ObjectName("", "node-2"));
        await RowsAsync(r => r.Contains("destinations prefix=10.244.2.0 mask=255.255.255.0 -> destination(18)"));
        Assert.Equal("", _core.Programmer.RemoteNodes.Single().Problem);
    }

    [Fact]
    public async Task Shorter_ranges_have_several_rows_and_too_short_ones_none()
    {
        await ListAsync(
            Node("node-2", "192.0.2.20", "10.244.2.0/24"), Node("node-3", "192.0.2.30", "10.244.4.0/23"),
            Node("node-4", "192.0.2.40", "10.244.128.0/18"));
        await RowsAsync(r => r.Count(IsNode) == 1 + 2 + 64);
        Apply(Node("node-5", "192.0.2.50", "10.244.3.0/27"));
        await RowsAsync(r => r.Count(IsNode) == 8 + 16 + 1);
        Assert.StartsWith(
            "its pod range 10.244.128.0/18 is too wide", _core.Programmer.RemoteNodes.Single(n => n.Node.Name == "node-4").Problem,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_configured_ranges_the_clusters_range_follows_from_its_nodes()
    {
        await RestartAsync(Settings with { ClusterRanges = [] });
        await ListAsync(Node("node-2", "192.0.2.20", "10.244.2.0/24"), Node("node-3", "192.0.2.30", "10.244.7.0/24"));
        await RowsAsync(r => r.Contains("routes 10.244.0.0/21 -> to_destination(255.255.255.0, 1)"));
        Assert.Equal("10.244.0.0/21", string.Join(' ', _core.Programmer.Node.ClusterRanges));

        // A common range would contain an address that is no pod's.
        Apply(Node("node-4", "192.0.2.40", "192.0.3.0/24"));
        await RowsAsync(r => r.Contains("routes 192.0.3.0/24 -> to_destination(255.255.255.0, 1)"));
        Assert.Contains(Rows(), r => r == "routes 10.244.2.0/24 -> to_destination(255.255.255.0, 1)");
    }

    [Fact]
    public async Task One_nodes_change_writes_only_its_rows()
    {
        await ListAsync([.. Enumerable.Range(2, 200).Select(i => Node($"node-{i}", $"192.0.2.{i + 10}", $"10.244.{i}.0/24"))]);
        await RowsAsync(r => r.Count(IsNode) == 200);
        var written = _core.Target.Log.Count;
        Apply(Node("node-7", "192.0.2.17", "10.244.250.0/24"));
        await RowsAsync(r => r.Any(l => l.Contains("10.244.250.0", StringComparison.Ordinal)));
        Assert.Equal(2, _core.Target.Log.Count - written);
    }

    [Fact]
    public async Task Neighbours_that_nothing_needs_are_removed_when_they_stop_answering()
    {
        await ResolveAsync("192.0.2.77", "02:bb:00:00:00:77");
        Assert.Contains(Rows(), r => r == "destinations prefix=192.0.2.77 mask=255.255.255.255 -> destination(16)");
        await ResolveAsync("192.0.2.77", null);
        Assert.DoesNotContain(Rows(), r => r.Contains("192.0.2.77", StringComparison.Ordinal));
        Assert.Empty(_core.Programmer.Neighbors);
    }

    private static bool IsNode(string row) =>
        row.StartsWith("destinations prefix=10.244.", StringComparison.Ordinal);

    private static JsonObject Node(string name, string address, string range) => Kube.Node(name, "a").WithAddresses([address], range);

    // Calico's rule, computed with sha1sum.
    private static string CalicoMac(string node) => node switch
    {
        "node-1" => "66:b3:68:28:39:8e",
        "node-3" => "66:87:de:de:c9:2e",
        _ => throw new ArgumentOutOfRangeException(nameof(node), node, null),
    };

    private string NextHops() => string.Join(' ', _core.Programmer.NextHops.Select(a => a.ToString()).Order(StringComparer.Ordinal));

    private async Task StartAsync(NodeSettings node)
    {
        _core = await CoreHarness.StartAsync(node: node);
        await _core.AttachAsync(TestNode.Host());
        StartController();
    }

    private void StartController()
    {
        _controller = new RemoteNodeController("node-1", _core.Programmer, TimeProvider.System, _log.CreateLogger("Kubernetes"));
        _stop = new CancellationTokenSource();
        _running = _controller.RunAsync(_stop.Token);
    }

    private async Task RestartAsync(NodeSettings node)
    {
        await StopAsync();
        await _core.DisposeAsync();
        await StartAsync(node);
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

    private void Apply(JsonObject item) => _controller.Apply(ObjectReaders.Node(Json(item)));

    /// <summary>The first complete list, with the node's own object in it.</summary>
    private async Task ListAsync(params JsonObject[] nodes)
    {
        var all = nodes.Append(Node("node-1", "192.0.2.10", "10.244.1.0/24")).Select(n => ObjectReaders.Node(Json(n)));
        _controller.Replace([.. all], []);
        await Eventually.TrueAsync(
            () => _core.Programmer.RemoteNodes.Count() == nodes.Length, () => string.Join('\n', _log.Lines));
    }

    private Task<PeerOutcome> ResolveAsync(string address, string? mac) => _core.Programmer.SubmitAsync(
        new NeighborsIntent([(IPAddress.Parse(address), mac is null ? null : MacAddress.Parse(mac))], _core.Programmer.NextHops), default);

    private Task RowsAsync(params string[] expected) => RowsAsync(r => r.SequenceEqual(expected.Order(StringComparer.Ordinal)));

    private Task RowsAsync(Func<string[], bool> condition) => Eventually.TrueAsync(
        () => condition(Rows()), () => $"{string.Join('\n', Rows())}\n{string.Join('\n', _log.Lines)}");

    private string[] Rows() => [.. _core.Target.Rows.Where(r => Tables.Contains(r.Key.Table.Alias)).Select(Shorten)
        .Where(r => !Always.Any(r.Contains)).Order(StringComparer.Ordinal)];

    /// <summary>The row with dotted addresses, and without names and what is the same in every row.</summary>
    private static string Shorten(Entry row)
    {
        var text = Number().Replace(row.ToString(), m => $"{m.Groups[1].Value}={Text(m.Groups[1].Value, uint.Parse(m.Groups[2].Value))}");
        text = Common().Replace(text, "");
        return text.Replace("routes ->", "routes 0.0.0.0/0 ->", StringComparison.Ordinal)
            .Replace("routes dst_ip=", "routes ", StringComparison.Ordinal)
            .Replace("tunnels outer_src=", "tunnels ", StringComparison.Ordinal).Replace(" vni=", " ", StringComparison.Ordinal)
            .Replace("()", "", StringComparison.Ordinal);
    }

    private static string Text(string name, uint value) => name switch
    {
        "vni" => $"{value >> 8}",
        "header_sum" => $"{value:x4}",
        _ => new IPAddress([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]).ToString(),
    };

    [GeneratedRegex(@"\b(prefix|mask|src_ip|dst_ip|outer_src|vni|header_sum)=(\d+)(?![.\d])")]
    private static partial Regex Number();

    [GeneratedRegex(@"\bport=\d+, src_mac=[0-9a-f:]+, (?=dst_mac=\S+, mtu)|(?<=unresolved)\(.*\)|(?<=\(|, )\w+=")]
    private static partial Regex Common();
}
