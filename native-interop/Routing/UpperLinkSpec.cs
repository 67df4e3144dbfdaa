using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A link on another one.</summary>
public abstract record UpperLinkSpec
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
