using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A link on top of another link.</summary>
public abstract record UpperLinkSpec
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Index of the parent in the socket's namespace.</summary>
    public required int Parent { get; init; }

    /// <summary>Namespace in which it is created; null for the socket's.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>MTU in bytes, at most the parent's; null for the parent's.</summary>
    public int? Mtu { get; init; }
}

/// <summary>
/// A link that shares the Ethernet address and port of its parent (ipvlan, layer 2). In VEPA mode, traffic between siblings also leaves
/// through the parent, so that it can't bypass the switch behind it.
/// </summary>
public sealed record IpvlanSpec : UpperLinkSpec;

/// <summary>
/// The only upper link of its parent (macvlan, passthru): it shares the parent's Ethernet address, so that changing one changes the other,
/// and receives all of the parent's traffic. It is deleted with its namespace; the parent stays where it is.
/// </summary>
public sealed record MacvlanSpec : UpperLinkSpec;
