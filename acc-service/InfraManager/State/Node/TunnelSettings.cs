using System.Security.Cryptography;
using System.Text;
using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.InfraManager.State.Node;

/// <summary>The VXLAN tunnels to other nodes (RFC 7348). The defaults are Calico's.</summary>
internal sealed record TunnelSettings
{
    /// <summary>The bytes of an encapsulated packet before the pod's own IPv4 header: IPv4, UDP, VXLAN and Ethernet headers.</summary>
    public const int Overhead = 50;

    public const int DefaultVni = 4096;
    public const int DefaultPort = 4789;

    public EncapsulationMode Mode { get; init; }

    /// <summary>The network's identifier, 24 bits.</summary>
    public int Vni { get; init; } = DefaultVni;

    /// <summary>The UDP port of all nodes; the pipeline knows 4789 (IANA) and 8472 (Linux, flannel).</summary>
    public int Port { get; init; } = DefaultPort;

    /// <summary>This node's MAC address within the tunnel; null to use the one derived from its name.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>The MAC address that Calico gives a node without another one: 'f' and five bytes of the SHA-1 of its name.</summary>
    public static MacAddress MacOf(string node)
    {
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
#pragma warning disable CA5350 // Calico's choice; nothing depends on its strength.
        SHA1.HashData(Encoding.UTF8.GetBytes(node), hash);
#pragma warning restore CA5350
        return new MacAddress([(byte)'f', .. hash[..(MacAddress.Length - 1)]]);
    }
}
