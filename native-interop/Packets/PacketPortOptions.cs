using ACCOffload.NativeInterop.Ethtool;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>Options of a <see cref="PacketPort"/>.</summary>
public sealed record PacketPortOptions
{
    /// <summary>Receive all packets on the link, not only those for its own address.</summary>
    public bool Promiscuous { get; init; } = true;

    /// <summary>
    /// Receive frames of this EtherType only; 0 for all. With an EtherType, a VLAN-tagged frame that no VLAN link takes is matched by its
    /// inner EtherType and received without its tag.
    /// </summary>
    public ushort EtherType { get; init; }

    /// <summary>
    /// Disable the link's offloads first (<see cref="EthtoolSettings.DisableOffloads(string)"/>), so that receive aggregation does not
    /// produce packets larger than the MTU.
    /// </summary>
    public bool DisableOffloads { get; init; }

    /// <summary>Size of the socket's receive buffer in bytes.</summary>
    public int ReceiveBufferBytes { get; init; } = 8 << 20;

    /// <summary>Size of the socket's send buffer in bytes.</summary>
    public int SendBufferBytes { get; init; } = 4 << 20;

    /// <summary>
    /// Pass packets to the driver without the queueing discipline: faster, but packet captures on this end miss what is sent.
    /// </summary>
    public bool BypassQueue { get; init; }
}

/// <summary>Options of a TAP (linux/if_tun.h).</summary>
public sealed record TapOptions
{
    /// <summary>Each descriptor is a separate queue; all of them must set this.</summary>
    public bool MultiQueue { get; init; }

    /// <summary>The link persists after its last descriptor is closed, until it or its namespace is deleted.</summary>
    public bool Persistent { get; init; }

    /// <summary>
    /// Packets are exchanged with the kernel with a struct virtio_net_hdr, which is not part of a <see cref="PacketBatch"/>'s frames.
    /// </summary>
    public bool VnetHeader { get; init; }
}
