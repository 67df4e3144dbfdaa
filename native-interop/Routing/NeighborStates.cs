namespace ACCOffload.NativeInterop.Routing;

/// <summary>State of a neighbour (ndm_state, linux/neighbour.h). An entry has one; several form a filter.</summary>
[Flags]
public enum NeighborStates : ushort
{
    /// <summary>Just created.</summary>
    None = 0,
    /// <summary>Being resolved: there is no MAC address yet.</summary>
    Incomplete = 0x01,
    /// <summary>Confirmed a short time ago.</summary>
    Reachable = 0x02,
    /// <summary>Known, but not confirmed for a while; confirmed again when it is used.</summary>
    Stale = 0x04,
    /// <summary>In use, and about to be confirmed.</summary>
    Delay = 0x08,
    /// <summary>Being confirmed.</summary>
    Probe = 0x10,
    /// <summary>Does not answer.</summary>
    Failed = 0x20,
    /// <summary>Needs no resolution, such as a multicast address.</summary>
    NoArp = 0x40,
    /// <summary>Set by an administrator, and never confirmed.</summary>
    Permanent = 0x80,
    /// <summary>All states in which the entry's MAC address is used (NUD_VALID of the kernel).</summary>
    Valid = Reachable | Stale | Delay | Probe | NoArp | Permanent,
}

/// <summary>Flags of a neighbour: ndm_flags in the low byte, and above it those of NDA_FLAGS_EXT (linux/neighbour.h).</summary>
[Flags]
public enum NeighborFlags
{
    /// <summary>No flag.</summary>
    None = 0,
    /// <summary>In a request only: handle the entry as if a packet had just been sent to it, which resolves or confirms it.</summary>
    Use = 0x01,
    /// <summary>Not a neighbour, but an address that is answered for.</summary>
    Proxy = 0x08,
    /// <summary>Learned by somebody else than the kernel, which does not collect it.</summary>
    ExternallyLearned = 0x10,
    /// <summary>An IPv6 router.</summary>
    Router = 0x80,
    /// <summary>The kernel resolves the entry and keeps it confirmed, without any packet to it. Since Linux 5.16.</summary>
    Managed = 0x100,
}
