using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>A network link, as reported by the kernel.</summary>
public sealed record LinkInfo
{
    /// <summary>Index in its namespace.</summary>
    public required int Index { get; init; }

    /// <summary>Name in its namespace.</summary>
    public required string Name { get; init; }

    /// <summary>Ethernet address; zero for a link that has none.</summary>
    public MacAddress Mac { get; init; }

    /// <summary>MTU in bytes, without the Ethernet header.</summary>
    public int Mtu { get; init; }

    /// <summary>Administratively up (IFF_UP).</summary>
    public bool IsUp { get; init; }

    /// <summary>Up, and with a carrier (IFF_LOWER_UP).</summary>
    public bool HasCarrier { get; init; }

    /// <summary>
    /// Operational (IFF_RUNNING). The kernel sets this some time after the carrier comes up, and silently drops packets that are sent
    /// before.
    /// </summary>
    public bool IsRunning { get; init; }

    /// <summary>Link kind (IFLA_INFO_KIND): "veth", "ipvlan", …; null for a physical device or the loopback.</summary>
    public string? Kind { get; init; }

    /// <summary>Index of a veth's peer, or of the parent link, in <see cref="PeerNamespaceId"/>'s namespace; 0 if there is none.</summary>
    public int PeerIndex { get; init; }

    /// <summary>Our namespace's id for the peer's namespace; null if it is the same namespace.</summary>
    public int? PeerNamespaceId { get; init; }

    /// <summary>Alias of the link (IFLA_IFALIAS), or null.</summary>
    public string? Alias { get; init; }

    /// <summary>Alternative names of the link (altname).</summary>
    public IReadOnlyList<string> AlternativeNames { get; init; } = [];

    /// <summary>The permanent hardware address (IFLA_PERM_ADDRESS); null if the driver does not report it.</summary>
    public MacAddress? PermanentMac { get; init; }

    /// <summary>The port's name on its switch (IFLA_PHYS_PORT_NAME): "p0", "pf0vf3", "pf0sf7", "c1pf0vf3"; null for none.</summary>
    public string? PhysPortName { get; init; }

    /// <summary>Id of the port's switch (IFLA_PHYS_SWITCH_ID), in lower-case hexadecimal; null for none.</summary>
    public string? PhysSwitchId { get; init; }

    /// <summary>
    /// Name of the device that the link belongs to (IFLA_PARENT_DEV_NAME): "0000:01:00.0", "mlx5_core.sf.4"; null for none, and before
    /// Linux 5.14.
    /// </summary>
    public string? ParentDevice { get; init; }

    /// <summary>Bus of <see cref="ParentDevice"/> (IFLA_PARENT_DEV_BUS_NAME): "pci", "auxiliary".</summary>
    public string? ParentBus { get; init; }
}
