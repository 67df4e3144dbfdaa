using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Integration.Tests;

/// <summary>
/// What the README promises: pods get interfaces through the plugin, mutual TLS, inframanager, P4Runtime and the pipeline.
/// </summary>
public sealed class FirstLightTests
{
    [Fact]
    public async Task Two_pods_the_host_and_the_gateway_reach_each_other()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");

        Assert.True(await Lab.PingAsync(a.Namespace, b.Address), "pod to pod");
        Assert.True(await Lab.PingAsync(b.Namespace, a.Address), "pod to pod, back");
        Assert.True(await Lab.PingAsync(lab.HostNamespace, a.Address), "host to pod");
        Assert.True(await Lab.PingAsync(a.Namespace, "200.1.1.2"), "pod to host");
        var neighbour = await Shell.RunLineAsync(a.Namespace, "ip neigh show 169.254.1.1").Succeeded();
        Assert.Contains("02:ac:c0:00:00:01", neighbour.Output);
        Assert.Contains("REACHABLE", neighbour.Output);

        // One router on the way: the time to live of an answer went down by one.
        var ping = await Shell.RunLineAsync(a.Namespace, $"ping -n -c 1 -t 64 {b.Address}").Succeeded();
        Assert.Contains("ttl=63", ping.Output);
    }

    [Fact]
    public async Task Tcp_and_large_packets_cross_the_pipeline_whole()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");

        Assert.True((await Shell.RunLineAsync(a.Namespace, $"ping -n -c 2 -i 0.05 -M do -s 1472 {b.Address}")).ExitCode == 0,
            "1500 bytes, unfragmented");
        Assert.True((await Shell.RunLineAsync(a.Namespace, $"ping -n -c 2 -i 0.05 -s 8000 {b.Address}")).ExitCode == 0, "fragments");

        // Segments larger than the MTU or without a checksum would not survive: 8 MiB do.
        await TcpTransfer.SendAsync(b.Namespace, b.Address, a.Namespace, 8 << 20);
    }

    [Fact]
    public async Task The_result_names_the_interface_the_address_and_the_routes()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var pod = await lab.AddPodAsync("a");

        var result = pod.Result!;
        Assert.Equal("1.1.0", (string?)result["cniVersion"]);
        var inside = result["interfaces"]!.AsArray().Single(i => (string?)i!["name"] == "eth0")!;
        Assert.Equal($"/run/netns/{pod.Namespace}", (string?)inside["sandbox"]);
        var link = await Shell.RunLineAsync(pod.Namespace, "ip -o link show eth0").Succeeded();
        Assert.Contains((string?)inside["mac"] ?? "no mac", link.Output);
        Assert.Contains("mtu 1500", link.Output);
        Assert.EndsWith("/32", (string?)result["ips"]![0]!["address"]);
        Assert.Equal("169.254.1.1", (string?)result["ips"]![0]!["gateway"]);
        Assert.Contains(result["routes"]!.AsArray(),
            route => (string?)route!["dst"] == "0.0.0.0/0" && (string?)route["gw"] == "169.254.1.1");
        Assert.Equal(0, (await lab.PluginAsync("CHECK", pod)).ExitCode);

        var endpoints = (await lab.ControlAsync("endpoints"))["endpoints"]!.AsArray();
        var endpoint = endpoints.Single(e => (string?)e!["containerId"] == pod.ContainerId)!;
        Assert.Equal(pod.Address, (string?)endpoint["addresses"]![0]);
        Assert.Equal("a", (string?)endpoint["podName"]);
    }

    [Fact]
    public async Task Deleted_pods_leave_nothing_behind()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var before = await SnapshotAsync(lab);
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");
        Assert.True(await Lab.PingAsync(a.Namespace, b.Address));
        Assert.NotEqual(before, await SnapshotAsync(lab));

        await lab.DeletePodAsync(a);
        await lab.DeletePodAsync(b);
        Assert.Equal(0, (await lab.PluginAsync("DEL", b)).ExitCode);
        Assert.Equal(before, await SnapshotAsync(lab));
    }

    /// <summary>Links, addresses in use, endpoints and rows: everything an attachment makes.</summary>
    private static async Task<string> SnapshotAsync(Lab lab)
    {
        var ports = await Shell.RunLineAsync(lab.PortNamespace, "ip -o link show").Succeeded();
        var host = await Shell.RunLineAsync(lab.HostNamespace, "ip -o link show").Succeeded();
        var reserved = Directory.Exists(lab.At("ipam/podnet"))
            ? Directory.GetFiles(lab.At("ipam/podnet"), "10.*").Order()
            : Enumerable.Empty<string>();
        var endpoints = await lab.ControlAsync("endpoints");
        var tables = await lab.ControlAsync("tables");
        return string.Join('\n', Names(ports.Output), Names(host.Output), string.Join(',', reserved), endpoints.ToJsonString(),
            tables.ToJsonString());
    }

    private static string Names(string links) =>
        string.Join(',', links.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ')[1]).Order());
}
