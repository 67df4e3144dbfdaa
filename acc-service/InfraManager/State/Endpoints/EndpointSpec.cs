using System.Net;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>An endpoint as described by a request. Immutable.</summary>
internal sealed record EndpointSpec
{
    /// <summary>The node named by the certificate of the client that made the request.</summary>
    public required string Node { get; init; }

    public required ApiOrigin Origin { get; init; }

    public required AttachmentKey Key { get; init; }

    public required EndpointKind Kind { get; init; }

    public DeviceKind Device { get; init; } = DeviceKind.Veth;

    /// <summary>The name of the port on the target, which is the data plane's end of the device.</summary>
    public required string PortName { get; init; }

    public required MacAddress Mac { get; init; }

    /// <summary>A pod has at least one; a host interface may leave its addresses to the configuration.</summary>
    public required IReadOnlyList<IPAddress> Addresses { get; init; }

    /// <summary>The MTU in bytes; 0: the node's default.</summary>
    public int Mtu { get; init; }

    /// <summary>The pod's host ports.</summary>
    public SequenceOf<HostPort> HostPorts { get; init; } = [];

    public string PodNamespace { get; init; } = "";

    public string PodName { get; init; } = "";

    public string PodUid { get; init; } = "";

    public ulong Epoch { get; init; }

    public ulong Sequence { get; init; }

    public RequestStamp Stamp => new(Epoch, Sequence);

    /// <summary>Whether both describe the same endpoint, regardless of their stamps.</summary>
    public bool HasSameContent(EndpointSpec other) =>
        Node == other.Node && Origin == other.Origin && Key == other.Key && Kind == other.Kind && Device == other.Device
        && PortName == other.PortName && Mac.Equals(other.Mac) && Mtu == other.Mtu && PodNamespace == other.PodNamespace
        && PodName == other.PodName && PodUid == other.PodUid && HostPorts == other.HostPorts
        && Addresses.SequenceEqual(other.Addresses);

    /// <summary>
    /// Whether both may use the same port: children of the same parent device, and functions of one device that the target sees as one
    /// port.
    /// </summary>
    public bool SharesPortWith(EndpointSpec other) =>
        Device is DeviceKind.Ipvlan or DeviceKind.VirtualFunction or DeviceKind.SubFunction && Device == other.Device
        && Node == other.Node && Kind == EndpointKind.Pod && other.Kind == EndpointKind.Pod && PortName == other.PortName
        && (Device == DeviceKind.Ipvlan) == Mac.Equals(other.Mac);

    /// <summary>
    /// Whether both may use the same MAC address: that of the parent device, or that of the uplink, which the ACC's kernel has as well.
    /// </summary>
    public bool SharesMacWith(EndpointSpec other) =>
        (Device == DeviceKind.Ipvlan && SharesPortWith(other))
        || (Origin == ApiOrigin.Configuration && other.Origin == ApiOrigin.Configuration);

    /// <summary>The pod as messages name it.</summary>
    public string PodText => PodName.Length > 0 ? $"pod {PodNamespace}/{PodName}" : $"attachment {Key}";

    /// <summary>The estimated memory in bytes that the request uses while it is queued.</summary>
    public int EstimatedBytes => 256 + (2 * (Node.Length + Key.Network.Length + Key.ContainerId.Length + Key.InterfaceName.Length
        + PortName.Length + PodNamespace.Length + PodName.Length + PodUid.Length)) + (64 * Addresses.Count)
        + (64 * HostPorts.Count);
}
