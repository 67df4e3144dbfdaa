using System.Net;
using System.Net.Sockets;
using ACCOffload.Services.Tests.Support;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Paths;

/// <summary>ICMP messages of the virtual router and packets that it does not forward.</summary>
public sealed class RouterTests(NodeFixture fixture) : IClassFixture<NodeFixture>
{
    private const string Gateway = "169.254.1.1";

    [Fact]
    public async Task The_gateway_answers_pings()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var ping = await Shell.RunLineAsync(node.Pods[1].Namespace, $"ping -n -i 0.2 -c 20 -w 20 {Gateway}");
        Assert.True(ping.Output.Contains(" 20 received", StringComparison.Ordinal), $"{ping.Output}{await node.DescribeAsync()}");
    }

    [Fact]
    public async Task Traceroute_shows_the_router_in_both_directions()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        await ShowsAsync(node.Pods[1].Namespace, Outside.ClientAddress, Gateway);
        await ShowsAsync(node.Pods[1].Namespace, node.Pods[2].Address, Gateway);
        await ShowsAsync(node.Lab.HostNamespace, node.Pods[2].Address, Gateway);
        await ShowsAsync(node.OutsideNamespace, node.Pods[1].Address, ServiceNode.NodeAddress);

        async Task ShowsAsync(string from, string to, string router)
        {
            var ping = await Shell.RunLineAsync(from, $"ping -n -t 1 -c 1 -w 20 {to}");
            Assert.True(ping.Output.Contains($"From {router}", StringComparison.Ordinal)
                && ping.Output.Contains("Time to live exceeded", StringComparison.Ordinal), $"{ping.Output}{await node.DescribeAsync()}");
        }
    }

    [Fact]
    public async Task An_unassigned_pod_address_is_unreachable_and_not_forwarded()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var unassignedPod = IPEndPoint.Parse($"{node.Pods[1].Address[..node.Pods[1].Address.LastIndexOf('.')]}.250:8080");
        using (var client = node.From(1).Open(ProtocolType.Tcp))
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var e = await Assert.ThrowsAsync<SocketException>(async () => await client.ConnectAsync(unassignedPod, limit.Token));
            Assert.Equal(SocketError.HostUnreachable, e.SocketErrorCode);
        }

        // One packet, which could otherwise loop between node and uplink until its TTL expires.
        var before = await PacketsOutAsync();
        var unassigned = await UnassignedAsync();
        await Shell.RunLineAsync(node.OutsideNamespace, $"ping -n -t 255 -c 1 -W 1 {unassignedPod.Address}");
        Assert.Equal(unassigned + 1, await UnassignedAsync());
        Assert.InRange(await PacketsOutAsync() - before, 0, 20);

        async Task<long> UnassignedAsync() => (await node.Lab.DropsAsync()).GetValueOrDefault("unassigned");

        async Task<long> PacketsOutAsync() =>
            long.Parse((await Shell.RunLineAsync(node.OutsideNamespace, "cat /sys/class/net/eth0/statistics/rx_packets")
                .Succeeded()).Output, System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Frames_truncated_in_a_header_are_counted_as_such()
    {
        Needs.Lab();
        var node = await fixture.NodeAsync();
        var before = (await node.Lab.DropsAsync()).GetValueOrDefault("truncated");
        using var wire = new Wire(node.Pods[1]);
        // 10 bytes of an IPv4 header, and 4 bytes of a TCP header.
        wire.Send(Convert.FromHexString("02ACC0000001" + "020000000001" + "0800" + "45000014000000004006"));
        wire.Send(
            Convert.FromHexString("02ACC0000001" + "020000000001" + "0800" + "4500002800004000400600000A0000010A000002" + "00500050"));
        await Eventually.TrueAsync(
            async () => (await node.Lab.DropsAsync()).GetValueOrDefault("truncated") == before + 2,
            () => $"two truncated frames are counted after {before}");
    }
}
