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

        // One router on the path: the TTL of a reply was decremented once.
        var ping = await Shell.RunLineAsync(a.Namespace, $"ping -n -c 1 -t 64 {b.Address}").Succeeded();
        Assert.Contains("ttl=63", ping.Output);
    }

    [Fact]
    public async Task TCP_and_large_packets_pass_the_pipeline_unchanged()
    {
        Needs.Lab();
        await using var lab = await Lab.StartAsync();
        var a = await lab.AddPodAsync("a");
        var b = await lab.AddPodAsync("b");

        Assert.True((await Shell.RunLineAsync(a.Namespace, $"ping -n -c 2 -i 0.05 -M do -s 1472 {b.Address}")).ExitCode == 0,
            "1500 bytes, unfragmented");
        Assert.True((await Shell.RunLineAsync(a.Namespace, $"ping -n -c 2 -i 0.05 -s 8000 {b.Address}")).ExitCode == 0, "fragments");

        // Segments that are larger than the MTU or have no checksum would be lost; 8 MiB arrive.
        await TcpTransfer.SendAsync(b.Namespace, b.Address, a.Namespace, 8 << 20);
    }
}
