using System.Net;
using ACCOffload.InfraManager.State.Endpoints;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>What the configuration says of the node. Validated by the configuration's reader; immutable.</summary>
internal sealed record NodeSettings
{
    public required string Name { get; init; }

    /// <summary>Ranges that pod addresses come from.</summary>
    public required IReadOnlyList<IPNetwork> PodRanges { get; init; }

    /// <summary>The node's addresses on the node network.</summary>
    public IReadOnlyList<IPAddress> NodeAddresses { get; init; } = [];

    /// <summary>Addresses of the host's own interface into the pipeline.</summary>
    public IReadOnlyList<IPAddress> HostAddresses { get; init; } = [];

    /// <summary>Ranges of service addresses.</summary>
    public IReadOnlyList<IPNetwork> VirtualRanges { get; init; } = [];

    /// <summary>Ranges of addresses outside the cluster that services set by the agent or by hand may have.</summary>
    public IReadOnlyList<IPNetwork> ExternalRanges { get; init; } = [];

    /// <summary>Ports of the node's own addresses that such services may have.</summary>
    public PortSpan NodePorts { get; init; } = new(30000, 32767);

    /// <summary>The dummy gateway.</summary>
    public required IPAddress Gateway { get; init; }

    public required MacAddress GatewayMac { get; init; }

    /// <summary>The pipeline that the target runs.</summary>
    public required PipelineProfile Profile { get; init; }

    /// <summary>
    /// The number of the port that the gateway's ARP answers come from, for pipelines that lead ARP to one; null: by the pipeline's rule.
    /// </summary>
    public uint? ArpPort { get; init; }

    /// <summary>MAC addresses of the ACC's own vports, where ports are numbered by them: no endpoint gets those ports.</summary>
    public IReadOnlyList<MacAddress> OwnMacs { get; init; } = [];

    /// <summary>The ports that those stand for, and the one that ARP for the gateway is led to.</summary>
    public IEnumerable<uint> OwnPorts => Devices.PortRule != PortRule.Mac ? []
        : OwnMacs.Select(VportNumbers.PortOf).Concat(Profile.ArpPortOf(this) is { } arpPort ? [arpPort] : []);

    /// <summary>The addresses by which an endpoint is reached: the host's are also those that the configuration gives the node.</summary>
    public IEnumerable<IPAddress> AddressesOf(EndpointSpec spec) =>
        spec.Kind == EndpointKind.Host ? spec.Addresses.Concat(HostAddresses).Concat(NodeAddresses).Distinct() : spec.Addresses;

    /// <summary>Which devices the node's host may attach.</summary>
    public DeviceRules Devices { get; init; } = DeviceRules.None;

    /// <summary>Source ports of masqueraded flows: the node's own stack uses none of them.</summary>
    public PortRange MasqueradePorts { get; init; } = new(12000, 18000);

    /// <summary>Null: the node network is not reached through the pipeline.</summary>
    public UplinkSettings? Uplink { get; init; }

    /// <summary>Bytes.</summary>
    public int Mtu { get; init; } = 1500;
}
