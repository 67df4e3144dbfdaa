using ACCOffload.NativeInterop.Ethtool;
using ACCOffload.NativeInterop.Syscalls;
using ACCOffload.SoftTarget.Tests.Server;
using ACCOffload.SoftTarget.Tests.Support;
using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;
using Gnmi;
using P4.V1;
using static ACCOffload.SoftTarget.Tests.Support.Fields;

namespace ACCOffload.SoftTarget.Tests.Tunnels;

/// <summary>
/// This node, with the compiled pipeline, one pod, and the ACC's kernel behind the exception port; and a peer that is a Linux kernel with a
/// VXLAN device as Calico (Felix) or flannel makes it, and a pod of its own. Both are on 192.0.2.0/24.
/// </summary>
internal sealed class TunnelLab : IAsyncDisposable
{
    public const string PodAddress = "10.244.1.2";
    public const string PeerPodAddress = "10.244.2.5";
    public const string PeerAddress = "192.0.2.20";
    public const string NodeAddress = "192.0.2.10";
    public const int TunnelMtu = 1450;

    private const ulong GatewayMac = 0x02ACC0000001;
    private const ulong PodMac = 0x0A0000000001;
    private const ulong UplinkMac = 0x0A00000000F2;
    private const ulong PeerMac = 0x0A00000000C1;
    private const ulong TunnelMac = 0x66AAAAAAAA01;
    private const ulong PeerTunnelMac = 0x66BBBBBBBB02;
    private const uint Node = 0xC000020A;
    private const uint Peer = 0xC0000214;
    private const uint Mask = 0xFFFFFFC0;
    private const ulong Neighbor = 10;
    private const ulong Tunnel = 20;

    private static readonly TestPipeline Pipeline = TestPipeline.Load("k8s_dp");

    private readonly Namespaces _namespaces = new();
    private TestTarget? _target;

    private TunnelLab()
    {
    }

    public string Pod { get; private set; } = "";

    public string PeerHost { get; private set; } = "";

    public string PeerPod { get; private set; } = "";

    /// <summary>Starts both nodes. The neighbour that leads to the peer is not resolved yet.</summary>
    /// <param name="device">The name of the peer's VXLAN device.</param>
    /// <param name="vni">The VXLAN network identifier.</param>
    /// <param name="port">The UDP port of the tunnel.</param>
    public static async Task<TunnelLab> StartAsync(string device, uint vni, ushort port)
    {
        var lab = new TunnelLab();
        try
        {
            await lab.BuildAsync(device, vni, port);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes the MAC address of the peer, as the ACC does once its kernel has resolved it.</summary>
    public Task ResolveAsync() => _target!.Client.WriteAsync(TargetClient.Modify(
        Pipeline.Entry("next_hops", [Exact(1, Neighbor)], Pipeline.Do("direct", 2, UplinkMac, PeerMac, 1500))));

    public async ValueTask DisposeAsync()
    {
        if (_target is not null)
        {
            await _target.DisposeAsync();
        }

        await _namespaces.DisposeAsync();
    }

    private async Task BuildAsync(string device, uint vni, ushort port)
    {
        var ports = await _namespaces.AddAsync("ports");
        Pod = await _namespaces.AddAsync("pod");
        var acc = await _namespaces.AddAsync("acc");
        PeerHost = await _namespaces.AddAsync("peer");
        PeerPod = await _namespaces.AddAsync("peerpod");

        await LinkAsync("pod0", ports, "eth0", Pod, PodMac);
        await LinkAsync("uplink0", ports, "eth0", PeerHost, PeerMac);
        await LinkAsync("accx0", ports, "accx1", acc, UplinkMac);
        await LinkAsync("pod0", PeerHost, "eth0", PeerPod, 0x0A0000000002);

        await IpAsync(Pod, $"addr add {PodAddress}/32 dev eth0", "route add default via 169.254.1.1 dev eth0 onlink");
        await SysctlAsync(acc, "ip_forward=1", "conf.all.rp_filter=0", "conf.accx1.rp_filter=0", "conf.accx1.accept_local=1",
            "conf.all.send_redirects=0", "conf.accx1.send_redirects=0");
        await IpAsync(acc, $"addr add {NodeAddress}/24 dev accx1");

        // The peer: the device, and per other node a route, a neighbour and a forwarding entry.
        await SysctlAsync(PeerHost, "ip_forward=1", "conf.all.rp_filter=0", "conf.eth0.rp_filter=0", "conf.default.rp_filter=0");
        await IpAsync(PeerHost,
            $"addr add {PeerAddress}/24 dev eth0",
            "addr add 169.254.1.1/32 dev pod0",
            $"route add {PeerPodAddress} dev pod0",
            $"link add {device} address {Mac(PeerTunnelMac)} mtu {TunnelMtu} "
                + $"type vxlan id {vni} dev eth0 local {PeerAddress} dstport {port} nolearning",
            $"addr add 10.244.2.0/32 dev {device}",
            $"link set {device} up",
            $"route add 10.244.1.0/26 via 10.244.1.0 dev {device} onlink",
            $"neigh add 10.244.1.0 lladdr {Mac(TunnelMac)} dev {device} nud permanent");
        await Shell.RunLineAsync(PeerHost, $"bridge fdb append {Mac(TunnelMac)} dev {device} dst {NodeAddress}").Succeeded();
        await IpAsync(PeerPod, $"addr add {PeerPodAddress}/32 dev eth0", "route add default via 169.254.1.1 dev eth0 onlink");

        _target = await TestTarget.StartAsync(Pipeline, o => o with { ServePorts = true, PortNamespace = NetNamespace.NamedPath(ports) });
        foreach (var name in new[] { "pod0", "uplink0", "accx0" })
        {
            await _target.Client.Gnmi.SetAsync(GnmiTests.Add(name));
            await BoundAsync(name);
        }

        await _target.Client.WriteAsync([.. Rows(vni, port).Select(TargetClient.Insert)]);
    }

    // Ports: 1 the pod, 2 the uplink, 3 the ACC's kernel.
    private static IEnumerable<TableEntry> Rows(uint vni, ushort port) =>
    [
        Pipeline.Entry("port_class", [Exact(1, 1)], Pipeline.Do("pod_port", 1, GatewayMac)),
        Pipeline.Entry("port_class", [Exact(1, 2)], Pipeline.Do("uplink_port", 3, UplinkMac, Node, TunnelMac, port)),
        Pipeline.Entry("port_class", [Exact(1, 3)], Pipeline.Do("exception_port", 2)),
        Pipeline.Entry("mac_guard", [Exact(1, 1), Exact(2, PodMac)], Pipeline.Do("allow_mac")),
        Pipeline.Entry("source_guard", [Exact(1, 1), Exact(2, PodMac), Exact(3, 0x0AF40102)], Pipeline.Do("allow_source")),
        Pipeline.Entry("local_sources", [Exact(1, 0x0AF40102)], Pipeline.Do("local_source")),
        Pipeline.Entry("pods", [Exact(1, 0x0AF40102)], Pipeline.Do("to_pod", 1, GatewayMac, PodMac)),
        Pipeline.Entry("pools", [Exact(1, 254)], Pipeline.Do("pool_ports", 0xA9FE0101, 40000, 0x1000, 0xFFF)),
        Pipeline.Entry("pools", [Exact(1, 255)], Pipeline.Do("pool_ports", Node, 40000, 0x1000, 0xFFF)),
        Pipeline.Entry("next_hops", [Exact(1, Neighbor)], Pipeline.Do("unresolved", 3, GatewayMac, UplinkMac)),
        Pipeline.Entry("next_hops", [Exact(1, Tunnel)], Pipeline.Do(
            "vxlan", Neighbor, Node, Peer, TunnelMac, PeerTunnelMac, vni << 8, port, HeaderSum(Node, Peer), TunnelMtu)),
        Pipeline.Entry("destinations", [Exact(1, 0x0AF40200), Exact(2, Mask)], Pipeline.Do("destination", Tunnel)),
        Pipeline.Entry("tunnels", [Exact(1, Peer), Exact(2, vni << 8)], Pipeline.Do("tunnel_peer", Tunnel, Mask)),
        Pipeline.Entry("routes", [Lpm(1, 0x0AF40000, 16)], Pipeline.Do("to_destination", Mask, 0)),
        Pipeline.Entry("routes", [Lpm(1, 0xC0000200, 24)], Pipeline.Do("to_next_hop", Neighbor)),
    ];

    // 0x4500, 0x4000 (don't fragment), TTL 64 and UDP, the addresses.
    private static ulong HeaderSum(uint source, uint destination)
    {
        var sum = 0x4500u + 0x4000 + 0x4011 + (source >> 16) + (ushort)source + (destination >> 16) + (ushort)destination;
        return ((sum & 0xFFFF) + (sum >> 16)) % 0xFFFF;
    }

    private static string Mac(ulong mac) => string.Join(':', Convert.ToHexString(
        [(byte)(mac >> 40), (byte)(mac >> 32), (byte)(mac >> 24), (byte)(mac >> 16), (byte)(mac >> 8), (byte)mac]).Chunk(2)
        .Select(c => new string(c)));

    private static async Task LinkAsync(string name, string netns, string peer, string peerNamespace, ulong mac)
    {
        await Shell.RunLineAsync(
            null, $"ip link add {name} netns {netns} type veth peer name {peer} address {Mac(mac)} netns {peerNamespace}").Succeeded();
        // Whole packets with correct checksums, as on a wire.
        foreach (var (link, at) in new[] { (name, netns), (peer, peerNamespace) })
        {
            await IpAsync(at, $"link set {link} up");
            using var ns = NetNamespace.OpenNamed(at);
            EthtoolSettings.DisableOffloads(ns, link);
        }
    }

    private static async Task IpAsync(string netns, params string[] commands)
    {
        foreach (var command in commands)
        {
            await Shell.RunLineAsync(netns, $"ip {command}").Succeeded();
        }
    }

    private static Task<ShellResult> SysctlAsync(string netns, params string[] settings)
        => Shell.RunAsync(netns, "sysctl", ["-qw", .. settings.Select(s => $"net.ipv4.{s}")]).Succeeded();

    private async Task BoundAsync(string port)
    {
        var end = DateTime.UtcNow.AddSeconds(60);
        for (; ; )
        {
            var state = await _target!.Client.Gnmi.GetAsync(new GetRequest { Path = { GnmiTests.PathOf(port, "state") } });
            if (state.Notification.Single().Update.Any(u => u.Path.Elem[^1].Name == "oper-status" && u.Val.StringVal == "UP"))
            {
                return;
            }

            Assert.True(DateTime.UtcNow < end, $"port {port} does not come up");
            await Task.Delay(20);
        }
    }
}
