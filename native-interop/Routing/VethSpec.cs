using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A pair of virtual Ethernet links to create; what one sends the other receives.</summary>
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

    /// <summary>Where the near end is created; null for the socket's namespace.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>Where the far end is created; null for the socket's namespace.</summary>
    public NetNamespace? PeerNamespace { get; init; }

    /// <summary>Set the near end up at once. (The kernel can't do that for the far end, which is made first and has no peer yet.)</summary>
    public bool Up { get; init; }
}
