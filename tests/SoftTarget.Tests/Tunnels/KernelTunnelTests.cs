using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.SoftTarget.Tests.Tunnels;

/// <summary>Real traffic between the compiled pipeline and the kernel's own VXLAN, with Calico's and with flannel's settings.</summary>
public sealed class KernelTunnelTests
{
    [Theory]
    [InlineData("vxlan.calico", 4096, 4789)]
    [InlineData("flannel.1", 1, 8472)]
    public async Task Pods_reach_pods_of_a_node_with_a_kernel(string device, uint vni, ushort port)
    {
        Needs.Root();
        Needs.Program("ping", "iputils-ping");
        Needs.Program("bridge", "iproute2");
        await using var lab = await TunnelLab.StartAsync(device, vni, port);

        // The first packets go through the ACC's kernel, which resolves the neighbour; the answers to the peer's ARP come from there.
        await PingAsync(lab.Pod, TunnelLab.PeerPodAddress, "-c 2 -i 0.2");
        await lab.ResolveAsync();

        await PingAsync(lab.Pod, TunnelLab.PeerPodAddress, "-c 10 -i 0.02");
        await PingAsync(lab.PeerPod, TunnelLab.PodAddress, "-c 10 -i 0.02");
        // The kernel itself, from the address of its device.
        await PingAsync(lab.PeerHost, TunnelLab.PodAddress, "-c 3 -i 0.02");
        // The largest packet.
        await PingAsync(lab.Pod, TunnelLab.PeerPodAddress, $"-c 3 -i 0.02 -M do -s {TunnelLab.TunnelMtu - 28}");
        await PingAsync(lab.PeerPod, TunnelLab.PodAddress, $"-c 3 -i 0.02 -M do -s {TunnelLab.TunnelMtu - 28}");
        // Fragments. The first one of 1,500 bytes is answered with the MTU, to which the pod's kernel then cuts the others.
        await Shell.RunLineAsync(lab.Pod, $"ping -W 1 -c 1 -M dont -s 4000 {TunnelLab.PeerPodAddress}");
        await PingAsync(lab.Pod, TunnelLab.PeerPodAddress, "-c 3 -i 0.02 -M dont -s 4000");
        await PingAsync(lab.PeerPod, TunnelLab.PodAddress, "-c 3 -i 0.02 -M dont -s 4000");

        await TcpTransfer.SendAsync(lab.PeerPod, TunnelLab.PeerPodAddress, lab.Pod, 2_000_000);
        await TcpTransfer.SendAsync(lab.Pod, TunnelLab.PodAddress, lab.PeerPod, 2_000_000);
    }

    [Fact]
    public async Task Messages_of_the_router_reach_both_sides()
    {
        Needs.Root();
        Needs.Program("ping", "iputils-ping");
        Needs.Program("bridge", "iproute2");
        await using var lab = await TunnelLab.StartAsync("vxlan.calico", 4096, 4789);
        await lab.ResolveAsync();

        var tooBig = await Shell.RunLineAsync(lab.Pod, $"ping -c 1 -W 2 -M do -s {TunnelLab.TunnelMtu - 27} {TunnelLab.PeerPodAddress}");
        Assert.Contains("Frag needed", tooBig.Output + tooBig.Error, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"{TunnelLab.TunnelMtu}", tooBig.Output + tooBig.Error, StringComparison.Ordinal);
        // The peer's kernel takes one from the TTL before.
        var expired = await Shell.RunLineAsync(lab.PeerPod, $"ping -c 1 -W 2 -t 2 {TunnelLab.PodAddress}");
        Assert.Contains($"From {TunnelLab.NodeAddress}", expired.Output, StringComparison.Ordinal);
        Assert.Contains("Time to live exceeded", expired.Output, StringComparison.Ordinal);
    }

    // Without a loss, in one of three attempts: on a busy machine, a socket of the target can overflow.
    private static async Task PingAsync(string netns, string to, string options)
    {
        var failures = "";
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var result = await Shell.RunLineAsync(netns, $"ping -W 5 {options} {to}");
            if (result.ExitCode == 0 && result.Output.Contains(" 0% packet loss", StringComparison.Ordinal))
            {
                return;
            }

            failures += $"{netns}: ping {options} {to}\n{result.Output}{result.Error}\n";
        }

        Assert.Fail(failures);
    }
}
