using System.Net;
using ACCOffload.InfraManager.Conditions;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.InfraManager.Tests.Uplink;

/// <summary>The exception interface on a network of namespaces: the kernel resolves, and what it finds is reported.</summary>
public sealed class UplinkWatchTests
{
    private const string Gateway = UplinkNetwork.Gateway;
    private const string GatewayMac = UplinkNetwork.GatewayMac;

    [Fact]
    public async Task The_gateway_is_resolved_and_the_interface_is_as_configured()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.StartWithGatewayAsync();
        await network.SolvedAsync();
        Assert.Equal(Condition.Met("Uplink", "neighbours resolved: 1"), UplinkCondition.Of(network.Watch));
        Assert.True(UplinkCondition.Of(null).Ok);
        Assert.Equal(1, network.Sink.Snapshots);

        var link = await network.RunAsync(network.Acc, "ip -o addr show dev accx1");
        Assert.Contains("inet 192.0.2.10/24", link, StringComparison.Ordinal);
        // Without IPv6 addresses there is no link-local one either, which would be announced on the network.
        Assert.DoesNotContain("inet6", link, StringComparison.Ordinal);
        Assert.Contains(UplinkNetwork.Mac.ToString(), await network.RunAsync(network.Acc, "ip link show accx1"), StringComparison.Ordinal);
        Assert.Contains("default via 192.0.2.1 dev accx1", await network.RunAsync(network.Acc, "ip route"), StringComparison.Ordinal);
        var settings = await network.RunAsync(network.Acc, "sysctl -n net.ipv4.ip_forward net.ipv4.conf.accx1.rp_filter "
            + "net.ipv4.conf.all.rp_filter net.ipv4.conf.accx1.accept_local net.ipv4.conf.accx1.arp_ignore "
            + "net.ipv4.conf.accx1.arp_announce net.ipv4.conf.accx1.send_redirects net.ipv4.conf.all.send_redirects "
            + "net.ipv4.conf.accx1.accept_redirects net.ipv6.conf.accx1.accept_ra");
        Assert.Equal("1 0 0 1 1 2 0 0 0 0", string.Join(' ', settings.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task ARP_is_answered_for_the_nodes_addresses_with_the_uplinks_MAC_and_for_no_other()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        var host = await network.AddHostAsync("h1", "02:00:00:00:01:20", "192.0.2.20");
        // An address of the ACC's kernel that is not on the node network.
        await network.RunAsync(network.Acc, "ip addr add 198.51.100.1/32 dev lo");
        await network.RunAsync(host, "ip route add 198.51.100.1 dev eth0");
        network.Start();
        await Eventually.TrueAsync(() => UplinkNetwork.PingAsync(host, "192.0.2.10"), "the node answers");
        Assert.Contains(
            $"lladdr {UplinkNetwork.Mac}", await network.RunAsync(host, "ip neigh show 192.0.2.10"), StringComparison.Ordinal);
        foreach (var other in new[] { "192.0.2.99", "198.51.100.1" })
        {
            Assert.False(await UplinkNetwork.PingAsync(host, other));
            Assert.DoesNotContain("lladdr", await network.RunAsync(host, $"ip neigh show {other}"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_MAC_address_that_changes_is_reported_once_whether_it_is_announced_or_not()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        var gateway = await network.AddHostAsync("gw", GatewayMac, Gateway);
        network.Start();
        await network.ReportedAsync(Gateway, GatewayMac);
        await network.HurryAsync();
        // With arp_notify, the kernel sends a gratuitous ARP (RFC 5227, 3) when the MAC address changes.
        await network.RunAsync(gateway, "sysctl -q -w net.ipv4.conf.eth0.arp_notify=1");
        await network.RunAsync(gateway, "ip link set eth0 address 02:00:00:00:01:02");
        await network.ReportedAsync(Gateway, "02:00:00:00:01:02");

        await network.RunAsync(gateway, "sysctl -q -w net.ipv4.conf.eth0.arp_notify=0");
        await network.RunAsync(gateway, "ip link set eth0 address 02:00:00:00:01:03");
        await network.ReportedAsync(Gateway, "02:00:00:00:01:03");
        Assert.Equal(["02:00:00:00:01:02", "02:00:00:00:01:03"], network.Sink.ChangesOf(Gateway).Where(m => m is not null));
    }

    [Fact]
    public async Task A_gateway_that_disappears_is_reported_and_named_and_so_is_its_return()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        network.Start();
        // It is not there at first: it counts as known to be silent, not as unknown.
        await Eventually.TrueAsync(() => network.Sink.Snapshots == 1, "the snapshot");
        Assert.Contains(IPAddress.Parse(Gateway), network.Sink.Current.Keys);
        Assert.Null(network.Sink.MacOf(Gateway));
        Assert.Equal(Condition.Unmet("Uplink", "no answer from gateway 192.0.2.1"), UplinkCondition.Of(network.Watch));

        var gateway = await network.AddHostAsync("gw", GatewayMac, Gateway);
        await network.ReportedAsync(Gateway, GatewayMac);
        await network.SolvedAsync();
        await network.HurryAsync();
        await network.RunAsync(gateway, "ip link set eth0 down");
        await network.ReportedAsync(Gateway, null);
        await Eventually.TrueAsync(() => network.Watch.Problem == "no answer from gateway 192.0.2.1", () => network.Watch.Problem);
        await network.RunAsync(gateway, "ip link set eth0 up");
        await network.ReportedAsync(Gateway, GatewayMac);
        await network.SolvedAsync();
    }

    [Fact]
    public async Task A_packet_to_an_unresolved_neighbour_is_forwarded_and_teaches_it()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        var sender = await network.AddHostAsync("h1", "02:00:00:00:01:20", "192.0.2.20");
        await network.AddHostAsync("h2", "02:00:00:00:01:30", "192.0.2.30");
        await network.AddHostAsync("gw", GatewayMac, Gateway);
        network.Start();
        await network.ReportedAsync(Gateway, GatewayMac);
        // As the pipeline does, the sender gives packets to the node although the receiver is on the same network.
        await network.RunAsync(sender, "ip route add 192.0.2.30/32 via 192.0.2.10");
        await Eventually.TrueAsync(() => UplinkNetwork.PingAsync(sender, "192.0.2.30"), "the packet is forwarded");
        await network.ReportedAsync("192.0.2.30", "02:00:00:00:01:30");
        // The sender was learned from its own ARP request.
        await network.ReportedAsync("192.0.2.20", "02:00:00:00:01:20");
    }

    [Fact]
    public async Task A_learned_neighbour_is_confirmed_as_long_as_it_answers()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        var host = await network.AddHostAsync("h1", "02:00:00:00:01:20", "192.0.2.20");
        network.Start();
        await Eventually.TrueAsync(() => UplinkNetwork.PingAsync(host, "192.0.2.10"), "the node answers");
        await network.ReportedAsync("192.0.2.20", "02:00:00:00:01:20");
        await network.HurryAsync();
        // Nobody sends to it any more, but the kernel is asked to confirm it.
        await network.RunAsync(host, "ip link set eth0 down");
        await network.ReportedAsync("192.0.2.20", null);
        await network.RunAsync(host, "ip link set eth0 up");
        await Eventually.TrueAsync(() => UplinkNetwork.PingAsync(host, "192.0.2.10"), "the node answers");
        await network.ReportedAsync("192.0.2.20", "02:00:00:00:01:20");
    }

    [Fact]
    public async Task Next_hops_may_change_at_any_time()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        await network.AddHostAsync("gw", GatewayMac, Gateway);
        await network.AddHostAsync("h1", "02:00:00:00:01:20", "192.0.2.20", "192.0.2.21");
        network.Start();
        await network.ReportedAsync(Gateway, GatewayMac);
        network.Watch.SetNextHops([IPAddress.Parse("192.0.2.20")]);
        await network.ReportedAsync("192.0.2.20", "02:00:00:00:01:20");
        network.Watch.SetNextHops([IPAddress.Parse("192.0.2.21")]);
        await network.ReportedAsync("192.0.2.21", "02:00:00:00:01:20");
        // Linux 5.16 and later keep them resolved.
        await Eventually.TrueAsync(
            async () =>
            {
                var neighbors = await network.RunAsync(network.Acc, "ip neigh show dev accx1");
                return Managed(neighbors, "192.0.2.21") && Managed(neighbors, Gateway) && !Managed(neighbors, "192.0.2.20");
            },
            "the wanted ones are managed");
        Assert.Equal("02:00:00:00:01:20", network.Sink.MacOf("192.0.2.20"));

        static bool Managed(string neighbors, string address) => neighbors.Split('\n')
            .Any(l => l.StartsWith(address + " ", StringComparison.Ordinal) && l.Contains("managed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_number_of_learned_neighbours_is_limited()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync(limit: 3);
        await network.AddHostAsync("gw", GatewayMac, Gateway);
        var addresses = Enumerable.Range(20, 8).Select(i => $"192.0.2.{i}").ToArray();
        var host = await network.AddHostAsync("h1", "02:00:00:00:01:20", addresses);
        network.Start();
        await network.ReportedAsync(Gateway, GatewayMac);
        foreach (var address in addresses)
        {
            // The kernel resolves each one for its answer, which confirms it.
            await Shell.RunLineAsync(host, $"ping -c 1 -W 1 -I {address} 192.0.2.10");
            await network.ReportedAsync(address, "02:00:00:00:01:20");
        }

        await Eventually.TrueAsync(
            () => network.Sink.Current.Count(c => c.Value is not null) == 4, () => $"three neighbours beside the gateway: {network.Sink}");
        Assert.Equal(GatewayMac, network.Sink.MacOf(Gateway));
        Assert.Equal("02:00:00:00:01:20", network.Sink.MacOf(addresses[^1]));
    }

    [Fact]
    public async Task The_interface_is_kept_as_configured()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.StartWithGatewayAsync();
        foreach (var line in new[]
        {
            "ip addr del 192.0.2.10/24 dev accx1",
            "ip addr add 192.0.2.66/24 dev accx1",
            "ip link set accx1 down",
            "ip link set accx1 address 02:00:00:00:00:77",
            "ip route del default",
        })
        {
            _ = await Shell.RunLineAsync(network.Acc, line);
        }

        await network.RunAsync(network.Acc, "sysctl -q -w net.ipv4.conf.accx1.arp_ignore=0");
        // A route of somebody else, such as a routing daemon.
        await Eventually.TrueAsync(
            async () => (await Shell.RunLineAsync(network.Acc, "ip route replace 10.9.0.0/16 via 192.0.2.1 proto bird")).ExitCode == 0,
            "the interface is up again");
        await Eventually.TrueAsync(
            async () =>
            {
                var addresses = await network.RunAsync(network.Acc, "ip -o addr show dev accx1");
                return addresses.Contains("192.0.2.10/24", StringComparison.Ordinal)
                    && !addresses.Contains("192.0.2.66", StringComparison.Ordinal)
                    && (await network.RunAsync(network.Acc, "ip route")).Contains("default via 192.0.2.1", StringComparison.Ordinal)
                    && (await network.RunAsync(network.Acc, "ip link show accx1"))
                        .Contains(UplinkNetwork.Mac.ToString(), StringComparison.Ordinal)
                    && await network.RunAsync(network.Acc, "sysctl -n net.ipv4.conf.accx1.arp_ignore") == "1\n";
            },
            "everything is restored");
        Assert.Contains("10.9.0.0/16 via 192.0.2.1", await network.RunAsync(network.Acc, "ip route"), StringComparison.Ordinal);
        await network.SolvedAsync();
        Assert.DoesNotContain(null, network.Sink.ChangesOf(Gateway));
    }

    [Fact]
    public async Task While_the_interface_or_its_namespace_is_missing_the_last_known_neighbours_stay()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.StartWithGatewayAsync();
        await network.SolvedAsync();

        await network.RunAsync(network.Acc, "ip link del accx1");
        await Eventually.TrueAsync(
            () => network.Watch.Problem.StartsWith("there is no interface accx1", StringComparison.Ordinal), () => network.Watch.Problem);
        await network.ConnectAccAsync();
        await network.SolvedAsync();

        await network.RemoveAccAsync();
        await Eventually.TrueAsync(
            () => network.Watch.Problem.Contains(network.Acc, StringComparison.Ordinal), () => network.Watch.Problem);
        await network.MakeAccAsync();
        await network.SolvedAsync();
        Assert.Contains("192.0.2.10/24", await network.RunAsync(network.Acc, "ip -o addr show dev accx1"), StringComparison.Ordinal);
        // Its MAC address never changed, and nothing said that it was gone.
        Assert.Empty(network.Sink.ChangesOf(Gateway));
        Assert.Equal(1, network.Sink.Snapshots);
    }

    [Fact]
    public async Task A_link_that_goes_down_at_its_other_end_is_a_problem_and_no_evidence_about_neighbours()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.StartWithGatewayAsync();
        var bridge = network.Acc.Replace("-acc", "-net", StringComparison.Ordinal);
        await network.RunAsync(bridge, "ip link set acc down");
        await Eventually.TrueAsync(
            () => network.Watch.Problem.Contains("has no carrier", StringComparison.Ordinal), () => network.Watch.Problem);
        // The kernel has deleted its entries.
        Assert.DoesNotContain(
            "lladdr", await network.RunAsync(network.Acc, $"ip neigh show {Gateway}"), StringComparison.Ordinal);
        await network.RunAsync(bridge, "ip link set acc up");
        await network.SolvedAsync();
        Assert.Empty(network.Sink.ChangesOf(Gateway));
    }

    [Fact]
    public async Task A_missing_namespace_is_a_problem_until_it_exists()
    {
        Needs.Root();
        await using var network = await UplinkNetwork.CreateAsync();
        await network.RemoveAccAsync();
        await network.AddHostAsync("gw", GatewayMac, Gateway);
        network.Start();
        await Eventually.TrueAsync(
            () => network.Watch.Problem.Contains(nameof(Errno.ENOENT), StringComparison.Ordinal), () => network.Watch.Problem);
        Assert.Equal(0, network.Sink.Snapshots);
        await network.MakeAccAsync();
        await network.ReportedAsync(Gateway, GatewayMac);
    }
}
