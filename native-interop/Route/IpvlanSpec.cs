namespace ACCOffload.NativeInterop;

/// <summary>
/// A link that shares another's Ethernet address and port (ipvlan, layer 2). In VEPA mode what its siblings are sent leaves through the parent, too, so that
/// no two of them talk past whatever is behind it.
/// </summary>
public sealed record IpvlanSpec
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Index of the parent in the socket's namespace.</summary>
    public required int Parent { get; init; }

    /// <summary>Where it is created; null for the socket's namespace.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>MTU in bytes, at most the parent's; null for the parent's.</summary>
    public int? Mtu { get; init; }
}
