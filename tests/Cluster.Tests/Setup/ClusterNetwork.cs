using System.Security.Cryptography;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Cluster.Tests.Setup;

/// <summary>
/// Two bridges between the machines of the cluster. The node network carries everything that leaves a node's pipeline; the machine with the
/// control plane and an outside machine, which is also the router, are on it. The management network is for kubelet's and the ACC's own
/// connections to the API server.
/// </summary>
internal sealed class ClusterNetwork : IAsyncDisposable
{
    /// <summary>Addresses of the router, and of a machine far behind it.</summary>
    public const string Router = "192.0.2.1";
    public const string FarAddress = "8.8.8.8";

    /// <summary>The control plane's addresses on both networks.</summary>
    public const string Control = "192.0.2.2";
    public const string ControlManagement = "198.51.100.1";

    private readonly string _name = $"cluster-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(2))}";

    private ClusterNetwork()
    {
    }

    /// <summary>The network namespace of the control plane, and of whoever administers the cluster.</summary>
    public string ControlNamespace => $"{_name}-control";

    /// <summary>The network namespace of a machine that does not belong to the cluster.</summary>
    public string OutsideNamespace => $"{_name}-outside";

    /// <summary>The network namespace of a node that is only a VXLAN device of the kernel.</summary>
    public string KernelNamespace => $"{_name}-kernel";

    private string BridgeNamespace => $"{_name}-net";

    public static string NodeAddress(int number) => $"192.0.2.{10 + number}";

    public static string NodeManagement(int number) => $"198.51.100.{10 + number}";

    public static string NodeMac(int number) => $"02:00:00:00:00:{10 + number}";

    /// <summary>The MAC of its link to the management network. Fixed, so that a restarted machine is as it was.</summary>
    public static string NodeManagementMac(int number) => $"02:00:00:00:01:{10 + number}";

    /// <summary>The network namespace of a node's machine.</summary>
    public string NodeNamespace(int number) => $"{_name}-node-{number}";

    public static async Task<ClusterNetwork> CreateAsync()
    {
        var network = new ClusterNetwork();
        try
        {
            foreach (var name in new[] { network.BridgeNamespace, network.ControlNamespace, network.OutsideNamespace })
            {
                await IpAsync($"netns add {name}");
                await IpAsync($"-n {name} link set lo up");
            }

            foreach (var bridge in new[] { "nodes", "management" })
            {
                await IpAsync($"-n {network.BridgeNamespace} link add {bridge} type bridge");
                await IpAsync($"-n {network.BridgeNamespace} link set {bridge} up");
            }

            await network.ConnectAsync(network.ControlNamespace, "eth0", "nodes", "control");
            await network.ConnectAsync(network.ControlNamespace, "mgmt0", "management", "control-mgmt");
            await network.ConnectAsync(network.OutsideNamespace, "eth0", "nodes", "outside");
            await IpAsync($"-n {network.ControlNamespace} address add {Control}/24 dev eth0");
            await IpAsync($"-n {network.ControlNamespace} address add {ControlManagement}/24 dev mgmt0");
            await IpAsync($"-n {network.ControlNamespace} route add default via {Router}");
            await IpAsync($"-n {network.OutsideNamespace} address add {Router}/24 dev eth0");
            await IpAsync($"-n {network.OutsideNamespace} address add {FarAddress}/32 dev lo");
            await Shell.RunLineAsync(network.OutsideNamespace, "sysctl -qw net.ipv4.ip_forward=1").Succeeded();
            return network;
        }
        catch
        {
            await network.DisposeAsync();
            throw;
        }
    }

    /// <summary>cluster-up's parameters for the uplink of a node.</summary>
    /// <param name="number">The node.</param>
    /// <param name="address">Its address there.</param>
    public static string[] UplinkParameters(int number, string address) =>
    [
        "UPLINK_PORT=uplink0", $"UPLINK_MAC={NodeMac(number)}", $"UPLINK_ADDRESSES={address}/24", $"UPLINK_ROUTES=0.0.0.0/0 via {Router}",
        "HOST_ROUTES=0.0.0.0/0",
    ];

    /// <summary>Routes the pods of a node at the machines that do not belong to the cluster.</summary>
    /// <param name="pods">The node's pod range.</param>
    /// <param name="address">The node's address; null removes the route.</param>
    public async Task RoutePodsAsync(string pods, string? address)
    {
        foreach (var name in new[] { ControlNamespace, OutsideNamespace })
        {
            await IpAsync(address is null ? $"-n {name} route delete {pods}" : $"-n {name} route replace {pods} via {address}");
        }
    }

    /// <summary>Connects a namespace to one of the bridges.</summary>
    public async Task ConnectAsync(string name, string link, string bridge, string port, string? mac = null)
    {
        var address = mac is null ? "" : $"address {mac} ";
        await IpAsync($"-n {BridgeNamespace} link add {port} type veth peer name {link} {address}netns {name}");
        await IpAsync($"-n {BridgeNamespace} link set {port} master {bridge} up");
        await IpAsync($"-n {name} link set {link} up");
        // A network card completes checksums and segments before a frame is on the wire, a veth does not.
        await Shell.RunLineAsync(name, $"ethtool -K {link} tx off tso off gso off").Succeeded();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in new[] { OutsideNamespace, ControlNamespace, BridgeNamespace })
        {
            await Shell.RunLineAsync(null, $"ip netns delete {name}");
        }
    }

    private static async Task IpAsync(string arguments) => await Shell.RunLineAsync(null, $"ip {arguments}").Succeeded();
}
