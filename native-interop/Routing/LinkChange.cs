using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Syscalls;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>What to change on a link, in one request; null leaves a thing as it is.</summary>
public sealed record LinkChange
{
    /// <summary>New name. Kernels before 6.2 only rename a link that is down.</summary>
    public string? Name { get; init; }

    /// <summary>New MTU in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary>New Ethernet address.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>New alias of at most 255 bytes; the empty text takes it away.</summary>
    public string? Alias { get; init; }

    /// <summary>Namespace to move to; everything else is then applied there. The link goes down and its index may change. The kernel moves first: when something else then fails, the link has moved nevertheless.</summary>
    public NetNamespace? Namespace { get; init; }

    /// <summary>Set up or down.</summary>
    public bool? Up { get; init; }
}
