using System.Net;
using System.Net.Sockets;
using ACCOffload.HostStub.Acc;
using ACCOffload.HostStub.Devices;
using ACCOffload.HostStub.Reconcile;
using ACCOffload.NativeInterop.Routing;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.HostStub.Tests;

/// <summary>The host's routes and rules for services, as ip(8) shows them.</summary>
public sealed class ServiceRoutingTests : IDisposable
{
    private const string Node = "192.0.2.2";
    private static readonly IPAddress Gateway = IPAddress.Parse("169.254.1.1");
    private static readonly IPAddress HostAddress = IPAddress.Parse("200.1.1.2");

    private static readonly HostServices Services = new(
        [IPNetwork.Parse("10.96.0.0/12"), IPNetwork.Parse("10.200.0.0/16"), IPNetwork.Parse("fd00:96::/112")],
        [IPAddress.Parse(Node), IPAddress.Parse("192.0.2.99"), IPAddress.Parse("fd00::2")],
        [
            (null, 6, new RulePorts(30000, 32767)), (null, 17, new RulePorts(30000, 32767)), (null, 6, new RulePorts(8080, 8080)),
            (IPAddress.Parse("198.51.100.7"), 6, new RulePorts(443, 443)),
        ],
        [],
        false);

    private readonly string _name = $"acct-{Guid.NewGuid():N}";
    private readonly NetNamespace? _namespace;
    private readonly PodNetwork? _host;

    public ServiceRoutingTests()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return;
        }

        _namespace = NetNamespace.CreateNamed(_name);
        _host = PodNetwork.Open($"/run/netns/{_name}", "acc0", allowHost: true);
        var link = _host.Links.CreateVeth(new VethSpec { Name = "acc0", PeerName = "peer0" })!;
        _host.Links.SetUp(link.Index);
        _host.Links.SetUp(_host.Links.GetLink("peer0")!.Index);
        _host.Links.AddAddress(link.Index, HostAddress, 32, replace: true);
        _host.Links.AddAddress(_host.Links.GetLink("lo")!.Index, IPAddress.Parse(Node), 32, replace: true);
    }

    public void Dispose()
    {
        _host?.Dispose();
        _namespace?.Dispose();
        if (_namespace is not null)
        {
            NetNamespace.DeleteNamed(_name);
        }
    }

    [Fact]
    public async Task Services_are_routed_and_the_nodes_ports_come_before_the_local_table()
    {
        Needs.Root();
        Apply(Services);
        Assert.Equal(
            [
                $"90: from {HostAddress} to {Node} iif lo lookup {ServiceRouting.Table} proto 172",
                $"90: from {HostAddress} to 198.51.100.7 iif lo lookup {ServiceRouting.Table} proto 172",
                $"90: from all to {Node} iif lo ipproto tcp dport 30000-32767 lookup {ServiceRouting.Table} proto 172",
                $"90: from all to {Node} iif lo ipproto tcp dport 8080 lookup {ServiceRouting.Table} proto 172",
                $"90: from all to {Node} iif lo ipproto udp dport 30000-32767 lookup {ServiceRouting.Table} proto 172",
                $"90: from all to 198.51.100.7 iif lo ipproto tcp dport 443 lookup {ServiceRouting.Table} proto 172",
                "100: from all lookup local proto 172",
                "32766: from all lookup main",
                "32767: from all lookup default",
            ],
            await RulesAsync());
        Assert.Equal(
            [
                $"10.96.0.0/12 via {Gateway} dev acc0 src {Node} onlink",
                $"10.200.0.0/16 via {Gateway} dev acc0 src {Node} onlink",
            ],
            await LinesAsync("ip route show proto 172"));

        // The kernel's decisions.
        Assert.Contains($"via {Gateway}", await RouteToAsync($"{Node} ipproto tcp dport 30080"), StringComparison.Ordinal);
        Assert.Contains($"src {HostAddress}", await RouteToAsync($"{Node} ipproto tcp dport 30080"), StringComparison.Ordinal);
        Assert.Contains($"via {Gateway}", await RouteToAsync($"{Node} ipproto tcp dport 8080"), StringComparison.Ordinal);
        Assert.Contains($"via {Gateway}", await RouteToAsync("198.51.100.7 ipproto tcp dport 443"), StringComparison.Ordinal);
        Assert.StartsWith("local", await RouteToAsync($"{Node} ipproto udp dport 8080"), StringComparison.Ordinal);
        Assert.StartsWith("local", await RouteToAsync($"{Node} ipproto tcp dport 22"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Applying_the_same_again_changes_nothing()
    {
        Needs.Root();
        Apply(Services);
        var before = await RulesAsync();
        Apply(Services);
        Assert.Equal(before, await RulesAsync());
    }

    [Fact]
    public async Task What_is_no_longer_reported_is_removed_and_what_was_lost_is_added_again()
    {
        Needs.Root();
        Apply(Services);
        await Shell.RunLineAsync(_name, "ip route del 10.96.0.0/12").Succeeded();
        await Shell.RunLineAsync(_name, $"ip rule del to {Node} iif lo ipproto udp dport 30000-32767").Succeeded();
        Apply(Services with
        {
            Ranges = [IPNetwork.Parse("10.96.0.0/12")],
            Ports = [(null, 17, new RulePorts(30000, 32767))],
        });
        Assert.Equal(
            [
                $"90: from {HostAddress} to {Node} iif lo lookup {ServiceRouting.Table} proto 172",
                $"90: from all to {Node} iif lo ipproto udp dport 30000-32767 lookup {ServiceRouting.Table} proto 172",
                "100: from all lookup local proto 172",
                "32766: from all lookup main",
                "32767: from all lookup default",
            ],
            await RulesAsync());
        Assert.Equal([$"10.96.0.0/12 via {Gateway} dev acc0 src {Node} onlink"], await LinesAsync("ip route show proto 172"));
    }

    [Fact]
    public async Task Removal_restores_the_kernels_rules()
    {
        Needs.Root();
        var before = await RulesAsync();
        Apply(Services);
        ServiceRouting.Remove(_host!, _host!.Find());
        Assert.Equal(before, await RulesAsync());
        Assert.Empty(await LinesAsync("ip route show proto 172"));
        ServiceRouting.Remove(_host, _host.Find());
        Assert.Equal(before, await RulesAsync());
    }

    [Fact]
    public async Task A_local_rule_that_another_program_moved_stays()
    {
        Needs.Root();
        await Shell.RunLineAsync(_name, "ip rule add pref 200 lookup local").Succeeded();
        await Shell.RunLineAsync(_name, "ip rule del pref 0").Succeeded();
        var before = await RulesAsync();
        Apply(Services);
        Assert.DoesNotContain(await RulesAsync(), r => r.StartsWith("100:", StringComparison.Ordinal));
        ServiceRouting.Remove(_host!, _host!.Find());
        Assert.Equal(before, await RulesAsync());
    }

    [Fact]
    public async Task Without_one_of_the_nodes_addresses_on_the_host_there_are_no_rules()
    {
        Needs.Root();
        var before = await RulesAsync();
        Apply(Services with { NodeAddresses = [IPAddress.Parse("192.0.2.99")], Ports = [.. Services.Ports.Where(p => p.Address is null)] });
        Assert.Equal(before, await RulesAsync());
        Assert.Equal(2, (await LinesAsync("ip route show proto 172")).Length);
    }

    [Fact]
    public async Task Configured_routes_and_those_of_other_programs_stay()
    {
        Needs.Root();
        await Shell.RunLineAsync(_name, "ip route add 10.200.0.0/16 dev peer0").Succeeded();
        ServiceRouting.Apply(
            _host!, _host!.Find()!, Gateway, null, HostAddress,
            Services with { Ranges = [.. Services.Ranges, IPNetwork.Parse("10.201.0.0/16")] }, [IPNetwork.Parse("10.96.0.0/12")]);
        Assert.Equal([$"10.201.0.0/16 via {Gateway} dev acc0 onlink"], await LinesAsync("ip route show proto 172"));
        Assert.Contains("dev peer0", (await LinesAsync("ip route show 10.200.0.0/16")).Single(), StringComparison.Ordinal);
    }

    // The kernel accepts a second route to the destination if its metric differs, and prefers ours.
    [Theory]
    [InlineData("10.200.0.0/16 dev peer0 metric 50")]
    [InlineData("10.200.0.0/16 metric 50 nexthop dev peer0 nexthop dev acc0")]
    public async Task A_service_range_with_a_route_of_another_metric_gets_no_route(string route)
    {
        Needs.Root();
        await Shell.RunLineAsync(_name, $"ip route add {route}").Succeeded();
        var before = await LinesAsync("ip route show 10.200.0.0/16");
        Apply(Services);
        Assert.Equal(before, await LinesAsync("ip route show 10.200.0.0/16"));
    }

    [Theory]
    [InlineData("blackhole 10.200.0.0/16")]
    [InlineData("unreachable 10.200.0.0/16")]
    [InlineData("10.200.0.0/16 nexthop dev peer0 nexthop dev acc0")]
    public async Task Routes_of_other_types_stay(string route)
    {
        Needs.Root();
        await Shell.RunLineAsync(_name, $"ip route add {route}").Succeeded();
        var before = await LinesAsync("ip route show 10.200.0.0/16");
        Apply(Services);
        Apply(Services with { Ranges = [IPNetwork.Parse("10.96.0.0/12")] });
        Assert.Equal(before, await LinesAsync("ip route show 10.200.0.0/16"));
    }

    [Fact]
    public async Task A_route_of_ours_that_differs_is_replaced()
    {
        Needs.Root();
        ServiceRouting.Apply(_host!, _host!.Find()!, Gateway, null, HostAddress, Services, []);
        Apply(Services);
        Assert.Contains($"10.96.0.0/12 via {Gateway} dev acc0 src {Node} onlink", await LinesAsync("ip route show proto 172"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Answers_from_the_nodes_and_from_external_addresses_arrive_with_every_rp_filter(int filter)
    {
        Needs.Root();
        var name = $"acct-{Guid.NewGuid():N}";
        using var pipeline = NetNamespace.CreateNamed(name);
        try
        {
            string[] commands =
            [
                $"ip link set peer0 netns {name}", $"ip route add {Gateway} dev acc0",
                $"sysctl -qw net.ipv4.conf.all.rp_filter={filter} net.ipv4.conf.acc0.rp_filter={filter}",
            ];
            foreach (var command in commands)
            {
                await Shell.RunLineAsync(_name, command).Succeeded();
            }

            commands =
            [
                "ip link set peer0 up", "ip link set lo up", $"ip address add {Gateway}/32 dev peer0", $"ip address add {Node}/32 dev lo",
                "ip address add 198.51.100.7/32 dev lo", $"ip route add {HostAddress} dev peer0",
            ];
            foreach (var command in commands)
            {
                await Shell.RunLineAsync(name, command).Succeeded();
            }

            Apply(Services);
            foreach (var destination in new[] { IPEndPoint.Parse($"{Node}:30080"), IPEndPoint.Parse("198.51.100.7:443") })
            {
                using var server = pipeline.Run(() => new TcpListener(destination));
                server.Start();
                using var client = _namespace!.Run(() => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
                await client.ConnectAsync(destination, limit.Token);
                Assert.Equal(HostAddress, ((IPEndPoint)client.LocalEndPoint!).Address);
            }
        }
        finally
        {
            NetNamespace.DeleteNamed(name);
        }
    }

    private void Apply(HostServices services) =>
        ServiceRouting.Apply(_host!, _host!.Find()!, Gateway, IPAddress.Parse(Node), HostAddress, services, []);

    private async Task<string[]> RulesAsync() =>
        [.. (await LinesAsync("ip rule show")).Select(l => l.Replace('\t', ' ')).OrderBy(Priority).ThenBy(l => l, StringComparer.Ordinal)];

    private static int Priority(string rule) =>
        int.Parse(rule[..rule.IndexOf(':', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);

    private async Task<string> RouteToAsync(string to) => (await LinesAsync($"ip route get {to}"))[0];

    private async Task<string[]> LinesAsync(string command) =>
        [.. (await Shell.RunLineAsync(_name, command).Succeeded()).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Trim())];
}
