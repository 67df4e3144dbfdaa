using System.Text.Json.Nodes;
using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Services.Tests.Support;

/// <summary>
/// The network beyond the uplink: one neighbour acts as external clients, load balancers and pods of other nodes. The node does not
/// answer ARP there, so a static neighbour entry is added, as in a fabric that routes to the node.
/// </summary>
internal static class Outside
{
    public const string PortName = "uplink0";

    /// <summary>Address of the first external client.</summary>
    public const string ClientAddress = "198.51.100.10";

    /// <summary>Address of the second external client.</summary>
    public const string OtherClientAddress = "203.0.113.20";

    /// <summary>Address of a pod on another node.</summary>
    public const string RemotePod = "10.244.2.7";

    /// <summary>The node's MAC address at the uplink.</summary>
    public const string NodeMac = "02:00:5e:00:53:99";

    private const string Mac = "02:00:5e:00:53:01";

    public static JsonObject Configuration =>
        new() { ["Port"] = PortName, ["Mac"] = NodeMac, ["Routes"] = new JsonArray($"0.0.0.0/0 via {Mac}") };

    /// <param name="netns">The namespace of the neighbour.</param>
    /// <param name="portNamespace">The namespace of the node's end of the link, <see cref="PortName"/>.</param>
    public static async Task BuildAsync(string netns, string portNamespace)
    {
        await Shell.RunLineAsync(
            null, $"ip link add {PortName} netns {portNamespace} type veth peer name eth0 address {Mac} netns {netns}").Succeeded();
        await Shell.RunAsync(portNamespace, "sysctl", ["-qw", $"net.ipv6.conf.{PortName}.disable_ipv6=1"]).Succeeded();
        await Shell.RunLineAsync(portNamespace, $"ip link set {PortName} up").Succeeded();
        using (var outside = NetNamespace.OpenNamed(netns))
        {
            EthtoolSettings.DisableOffloads(outside, "eth0");
        }

        using (var ports = NetNamespace.OpenNamed(portNamespace))
        {
            EthtoolSettings.DisableOffloads(ports, PortName);
        }

        foreach (var address in new[] { ClientAddress, OtherClientAddress, RemotePod })
        {
            await Shell.RunLineAsync(netns, $"ip addr add {address}/32 dev eth0").Succeeded();
        }

        await Shell.RunLineAsync(netns, "ip link set eth0 up").Succeeded();
        await Shell.RunLineAsync(netns, $"ip neigh add {ServiceNode.NodeAddress} lladdr {NodeMac} dev eth0 nud permanent").Succeeded();
        await Shell.RunLineAsync(netns, $"ip route add default via {ServiceNode.NodeAddress} dev eth0 onlink").Succeeded();
    }

    /// <summary>Makes the neighbour a router with a remote host behind it.</summary>
    /// <param name="router">The neighbour's namespace.</param>
    /// <param name="far">The namespace of the remote host.</param>
    /// <param name="address">The address of the remote host.</param>
    /// <param name="mtu">
    /// The MTU of the link between them. The remote host announces a larger MSS, as if it did not know about the link.
    /// </param>
    public static async Task AddRemoteHostAsync(string router, string far, string address, int mtu)
    {
        var port = $"far{mtu}";
        await Shell.RunAsync(router, "sysctl",
            ["-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.eth0.send_redirects=0"]).Succeeded();
        await Shell.RunLineAsync(null, $"ip link add {port} netns {router} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {far}")
            .Succeeded();
        await Shell.RunLineAsync(router, $"ip link set {port} up").Succeeded();
        await Shell.RunLineAsync(router, $"ip route add {address} dev {port}").Succeeded();
        await Shell.RunLineAsync(far, $"ip addr add {address}/32 dev eth0").Succeeded();
        await Shell.RunLineAsync(far, "ip link set eth0 up").Succeeded();
        await Shell.RunLineAsync(far, $"ip route add default via {ClientAddress} dev eth0 onlink advmss 1460").Succeeded();
    }
}
