namespace ACCOffload.NativeInterop;

/// <summary>
/// The only upper link of another (macvlan, passthru): it has the parent's Ethernet address, and a change of its own changes the parent's. All that the
/// parent receives is its own. It goes with its namespace, and the parent stays where it is.
/// </summary>
public sealed record MacvlanSpec
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
