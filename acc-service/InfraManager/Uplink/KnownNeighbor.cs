using System.Net;
using ACCOffload.NativeInterop.Addresses;
using ACCOffload.NativeInterop.Routing;

namespace ACCOffload.InfraManager.Uplink;

/// <summary>What <see cref="NeighborTable"/> knows about a neighbour.</summary>
internal sealed class KnownNeighbor(IPAddress address, long number)
{
    public IPAddress Address { get; } = address;

    /// <summary>Order in which the neighbours became known.</summary>
    public long Number { get; } = number;

    /// <summary>A next hop, which is kept resolved and never given up.</summary>
    public bool IsWanted { get; set; }

    /// <summary>The MAC address that is in effect; null if it does not answer, or was never resolved.</summary>
    public MacAddress? Mac { get; set; }

    /// <summary>The last state that the kernel reported.</summary>
    public NeighborStates State { get; set; }

    /// <summary>The kernel keeps it resolved by itself.</summary>
    public bool IsManaged { get; set; }

    /// <summary>The kernel has no entry. The neighbour may still be there, so it has to be probed.</summary>
    public bool IsAbsent { get; set; }

    /// <summary>When it last confirmed its MAC address, on the table's clock.</summary>
    public TimeSpan Confirmed { get; set; }

    /// <summary>What the sink knows.</summary>
    public MacAddress? Reported { get; set; }

    /// <summary>When that was reported, on the table's clock; null for never.</summary>
    public TimeSpan? ReportedAt { get; set; }

    /// <summary>Set by an administrator: the kernel never asks.</summary>
    public bool IsFixed => (State & (NeighborStates.Permanent | NeighborStates.NoArp)) != 0;

    /// <summary>Counts towards the limit, and can be given up.</summary>
    public bool IsLearned => !IsWanted && Mac is not null && !IsFixed;

    /// <summary>Whether the kernel has found out if it answers.</summary>
    public bool IsSettled => Mac is not null || State == NeighborStates.Failed;
}
