using ACCOffload.NativeInterop.Ethtool;

namespace ACCOffload.NativeInterop.Packets;

/// <summary>How a <see cref="PacketPort"/> is opened.</summary>
public sealed record PacketPortOptions
{
    /// <summary>Receive all packets on the link, not only those for its own address.</summary>
    public bool Promiscuous { get; init; } = true;

    /// <summary>Receive packets of this type of Ethernet frame only; 0 for all. Frames with a VLAN tag are of none but all.</summary>
    public ushort EtherType { get; init; }

    /// <summary>Turn the link's offloads off first (<see cref="EthtoolSettings.DisableOffloads(string)"/>), so that no receive aggregation makes packets larger than the MTU.</summary>
    public bool DisableOffloads { get; init; }

    /// <summary>Bytes of packets that may wait in the socket for being read.</summary>
    public int ReceiveBufferBytes { get; init; } = 8 << 20;

    /// <summary>Bytes of packets that may wait in the link's queue.</summary>
    public int SendBufferBytes { get; init; } = 4 << 20;

    /// <summary>Hand packets to the driver without the queueing discipline: faster, but packet captures on this end don't see what is sent.</summary>
    public bool BypassQueue { get; init; }
}
