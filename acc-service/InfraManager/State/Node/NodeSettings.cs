using System.Net;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Model;
using ACCOffload.InfraManager.State.Peers;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The node's configuration. Validated when it is read; immutable.</summary>
internal sealed record NodeSettings
{
    private const int DefaultMtu = 1500;

    public required string Name { get; init; }

    /// <summary>The ranges of pod addresses; empty: unknown until the cluster says.</summary>
    public required IReadOnlyList<IPNetwork> PodRanges { get; init; }

    /// <summary>The node's addresses on the node network.</summary>
    public IReadOnlyList<IPAddress> NodeAddresses { get; init; } = [];

    /// <summary>Addresses of the host's own interface into the pipeline.</summary>
    public IReadOnlyList<IPAddress> HostAddresses { get; init; } = [];

    /// <summary>Ranges of service addresses.</summary>
    public IReadOnlyList<IPNetwork> VirtualRanges { get; init; } = [];

    /// <summary>Ranges of addresses outside the cluster allowed for services set by the agent or by an operator.</summary>
    public IReadOnlyList<IPNetwork> ExternalRanges { get; init; } = [];

    /// <summary>Ports of the node's own addresses allowed for such services.</summary>
    public PortSpan NodePorts { get; init; } = new(30000, 32767);

    /// <summary>The virtual gateway of the pods, an IPv4 address.</summary>
    public required IPAddress Gateway { get; init; }

    public required MacAddress GatewayMac { get; init; }

    /// <summary>The pipeline that runs on the target.</summary>
    public required PipelineProfile Profile { get; init; }

    /// <summary>
    /// The pipeline number of the port that answers ARP for the gateway, for pipelines that send ARP to a port; null: the pipeline's
    /// default.
    /// </summary>
    public uint? ArpPort { get; init; }

    /// <summary>
    /// MAC addresses of the ACC's own vports, where port numbers derive from MAC addresses. Endpoints cannot use these ports.
    /// </summary>
    public IReadOnlyList<MacAddress> OwnMacs { get; init; } = [];

    /// <summary>The port numbers of <see cref="OwnMacs"/>, and the port that receives ARP for the gateway.</summary>
    public IEnumerable<uint> OwnPorts => Devices.PortRule != PortRule.Mac ? []
        : OwnMacs.Select(VportNumbers.PortOf).Concat(Profile.ArpPortOf(this) is { } arpPort ? [arpPort] : []);

    /// <summary>The endpoint's addresses; for the host these include the configured host and node addresses.</summary>
    public IEnumerable<IPAddress> AddressesOf(EndpointSpec spec) =>
        spec.Kind == EndpointKind.Host ? spec.Addresses.Concat(HostAddresses).Concat(NodeAddresses).Distinct() : spec.Addresses;

    /// <summary>Which devices the node's host may attach.</summary>
    public DeviceRules Devices { get; init; } = DeviceRules.None;

    /// <summary>Source ports of masqueraded flows. The node's own stack must not use them.</summary>
    public PortRange MasqueradePorts { get; init; } = new(12000, 18000);

    /// <summary>The ranges of all nodes' pods.</summary>
    public IReadOnlyList<IPNetwork> ClusterRanges { get; init; } = [];

    /// <summary>Whether pod traffic to destinations outside the cluster gets the node's address as its source.</summary>
    public MasqueradeMode Masquerade { get; init; }

    /// <summary>Whether <see cref="Masquerade"/> applies.</summary>
    public bool MasqueradesOutgoing =>
        Masquerade == MasqueradeMode.On || (Masquerade == MasqueradeMode.Auto && Uplink is not null && ClusterRanges.Count > 0);

    /// <summary>Null: the node network is not reachable through the pipeline.</summary>
    public UplinkSettings? Uplink { get; init; }

    /// <summary>The tunnels to other nodes.</summary>
    public TunnelSettings Tunnel { get; init; } = new();

    /// <summary>The address that this node's tunnels end at; null while it is unknown.</summary>
    public IPAddress? TunnelSource => NodeAddresses.FirstOrDefault(Ipv4.Is);

    /// <summary>
    /// Whether other nodes are routed to by themselves: the uplink's neighbours are resolved, so the node knows what is on its link.
    /// </summary>
    public bool RoutesNodes => Uplink is { Addresses.Count: > 0 } && Profile.RoutesNodes;

    /// <summary>Whether other nodes may be reached through tunnels.</summary>
    public bool UsesTunnels => RoutesNodes && Tunnel.Mode != EncapsulationMode.Never;

    /// <summary>This node's MAC address within tunnels.</summary>
    public MacAddress TunnelMac => Tunnel.Mac ?? TunnelSettings.MacOf(Name);

    /// <summary>These settings, completed by what the cluster says: a list that the configuration gives stays as it is.</summary>
    public NodeSettings With(NodeFacts facts, IReadOnlyCollection<RemoteNode> others)
    {
        var node = this with
        {
            NodeAddresses = NodeAddresses.Count > 0 ? NodeAddresses : facts.Addresses,
            PodRanges = PodRanges.Count > 0 ? PodRanges : facts.PodRanges,
            VirtualRanges = VirtualRanges.Count > 0 ? VirtualRanges : facts.ServiceRanges,
        };
        return ClusterRanges.Count > 0 || !RoutesNodes ? node : node with { ClusterRanges = DerivedClusterRanges.Of(node, others) };
    }

    /// <summary>
    /// The MTU of ports whose endpoint sets none, in bytes. Unless configured, it leaves room for the encapsulation of packets to other
    /// nodes.
    /// </summary>
    public int Mtu
    {
        get => field > 0 ? field : !RoutesNodes ? DefaultMtu
            : UplinkMtu - (UsesTunnels ? TunnelSettings.Overhead : 0);
        init;
    }

    /// <summary>The largest IP packet that the uplink carries, in bytes.</summary>
    public int UplinkMtu => Uplink is { Mtu: > 0 } uplink ? uplink.Mtu : DefaultMtu;
}
