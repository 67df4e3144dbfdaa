using System.Net;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Endpoints;

/// <summary>An endpoint as a request describes it. Immutable once posted.</summary>
internal sealed record EndpointSpec
{
    /// <summary>The node whose certificate made the request.</summary>
    public required string Node { get; init; }

    public required ApiOrigin Origin { get; init; }

    public required AttachmentKey Key { get; init; }

    public required EndpointKind Kind { get; init; }

    public DeviceKind Device { get; init; } = DeviceKind.Veth;

    /// <summary>Name of the port on the target, that is of the device's data-plane end.</summary>
    public required string PortName { get; init; }

    public required MacAddress Mac { get; init; }

    /// <summary>A pod has at least one; a host interface may leave them to the configuration.</summary>
    public required IReadOnlyList<IPAddress> Addresses { get; init; }

    /// <summary>Bytes; 0: the node's default.</summary>
    public int Mtu { get; init; }

    public string PodNamespace { get; init; } = "";

    public string PodName { get; init; } = "";

    public string PodUid { get; init; } = "";

    public ulong Epoch { get; init; }

    public ulong Sequence { get; init; }

    public RequestStamp Stamp => new(Epoch, Sequence);

    /// <summary>Whether both describe the same endpoint, whenever they were sent.</summary>
    public bool SameContent(EndpointSpec other) =>
        Node == other.Node && Origin == other.Origin && Key == other.Key && Kind == other.Kind && Device == other.Device
        && PortName == other.PortName && Mac.Equals(other.Mac) && Mtu == other.Mtu && PodNamespace == other.PodNamespace
        && PodName == other.PodName && PodUid == other.PodUid && Addresses.SequenceEqual(other.Addresses);

    /// <summary>
    /// Whether both may have one port: children of one parent may, and functions of one device that the target sees as one port.
    /// </summary>
    public bool SharesPortWith(EndpointSpec other) =>
        Device is DeviceKind.Ipvlan or DeviceKind.VirtualFunction or DeviceKind.SubFunction && Device == other.Device
        && Node == other.Node && Kind == EndpointKind.Pod && other.Kind == EndpointKind.Pod && PortName == other.PortName
        && (Device == DeviceKind.Ipvlan) == Mac.Equals(other.Mac);

    /// <summary>Whether both may have one MAC, which is the parent's.</summary>
    public bool SharesMacWith(EndpointSpec other) => Device == DeviceKind.Ipvlan && SharesPortWith(other);

    /// <summary>What the request costs in memory while it is queued, in bytes, roughly.</summary>
    public int EstimatedBytes => 256 + (2 * (Node.Length + Key.Network.Length + Key.ContainerId.Length + Key.InterfaceName.Length
        + PortName.Length + PodNamespace.Length + PodName.Length + PodUid.Length)) + (64 * Addresses.Count);
}
