using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A pair of virtual Ethernet links to create; each receives what the other sends.</summary>
public sealed record VethSpec
{
    /// <summary>Name of the near end.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the far end.</summary>
    public required string PeerName { get; init; }

    /// <summary>Address of the near end; null lets the kernel choose.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>Address of the far end; null lets the kernel choose.</summary>
    public MacAddress? PeerMac { get; init; }

    /// <summary>MTU of both ends; null for 1500.</summary>
    public int? Mtu { get; init; }

    /// <summary>Namespace of the near end; null for the socket's.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>Namespace of the far end; null for the socket's.</summary>
    public NetNamespace? PeerNamespace { get; init; }

    /// <summary>
    /// Bring the near end up on creation. (The kernel can't do this for the far end, which is created first and has no peer yet.)
    /// </summary>
    public bool Up { get; init; }
}
