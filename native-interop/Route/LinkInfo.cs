namespace ACCOffload.NativeInterop;

/// <summary>A network link as the kernel describes it.</summary>
public sealed record LinkInfo
{
    /// <summary>Index in its namespace.</summary>
    public required int Index { get; init; }

    /// <summary>Name in its namespace.</summary>
    public required string Name { get; init; }

    /// <summary>Ethernet address; zero for a link that has none.</summary>
    public MacAddress Mac { get; init; }

    /// <summary>Largest packet in bytes, without the Ethernet header.</summary>
    public int Mtu { get; init; }

    /// <summary>Set up by the administrator (IFF_UP).</summary>
    public bool IsUp { get; init; }

    /// <summary>Up, and with a carrier (IFF_LOWER_UP).</summary>
    public bool HasCarrier { get; init; }

    /// <summary>Packets pass (IFF_RUNNING). The kernel brings a link there in its own time after it got its carrier, and silently drops what is sent before.</summary>
    public bool IsRunning { get; init; }

    /// <summary>Driver's kind (IFLA_INFO_KIND): "veth", "ipvlan", …; null for a physical device or the loopback.</summary>
    public string? Kind { get; init; }

    /// <summary>Index of a veth's other end, or of the link it lies upon, in <see cref="PeerNamespaceId"/>'s namespace; 0 if there is none.</summary>
    public int PeerIndex { get; init; }

    /// <summary>Our namespace's number for the namespace of the other end; null if that is in the same namespace.</summary>
    public int? PeerNamespaceId { get; init; }

    /// <summary>Free text that an administrator put on the link (IFLA_IFALIAS), or null.</summary>
    public string? Alias { get; init; }

    /// <summary>Other names of the link (altname).</summary>
    public IReadOnlyList<string> AlternativeNames { get; init; } = [];
}
