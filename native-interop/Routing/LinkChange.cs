using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>What to change on a link, in one request; null leaves a property unchanged.</summary>
public sealed record LinkChange
{
    /// <summary>New name. Kernels before 6.2 only rename a link that is down.</summary>
    public string? Name { get; init; }

    /// <summary>New MTU in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary>New Ethernet address.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>New alias of at most 255 bytes; an empty string removes it.</summary>
    public string? Alias { get; init; }

    /// <summary>
    /// Namespace to move to; the other changes are applied there. The link goes down and its index may change. The kernel moves first: if
    /// another change fails, the link has moved nevertheless.
    /// </summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>Bring it up or down.</summary>
    public bool? Up { get; init; }
}
