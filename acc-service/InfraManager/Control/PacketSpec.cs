using System.Net;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.Control;

/// <summary>What a built packet carries.</summary>
internal enum PacketProtocol
{
    /// <summary>An ARP request for the destination address.</summary>
    Arp,

    /// <summary>An echo request.</summary>
    Icmp,

    /// <summary>A SYN.</summary>
    Tcp,

    /// <summary>A datagram.</summary>
    Udp,
}

/// <summary>A packet as ctl trace describes it. IPv4.</summary>
internal sealed record PacketSpec
{
    public required MacAddress SourceMac { get; init; }

    public required MacAddress DestinationMac { get; init; }

    public required IPAddress Source { get; init; }

    public required IPAddress Destination { get; init; }

    public PacketProtocol Protocol { get; init; } = PacketProtocol.Icmp;

    /// <summary>TCP and UDP only.</summary>
    public ushort SourcePort { get; init; } = 40000;

    /// <summary>TCP and UDP only.</summary>
    public ushort DestinationPort { get; init; } = 80;

    public byte Ttl { get; init; } = 64;

    /// <summary>Bytes after the last header.</summary>
    public int PayloadLength { get; init; } = 56;
}
