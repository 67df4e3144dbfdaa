using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>
/// What to change on a virtual function; null leaves a property unchanged. The kernel applies the changes in turn and stops at the first
/// failure.
/// </summary>
public sealed record VfChange
{
    /// <summary>New Ethernet address; it takes effect when the function's driver is rebound or reset.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>VLAN, 0 to 4095; 0 for none.</summary>
    public int? Vlan { get; init; }

    /// <summary>Priority in the VLAN tag, 0 to 7; only with <see cref="Vlan"/>.</summary>
    public int? Qos { get; init; }

    /// <summary>Allow it to change its address and to receive all packets.</summary>
    public bool? Trust { get; init; }

    /// <summary>Drop frames with a foreign source address.</summary>
    public bool? SpoofCheck { get; init; }

    /// <summary>Guaranteed rate in Mbit/s, 0 for none.</summary>
    public int? MinRate { get; init; }

    /// <summary>Maximum send rate in Mbit/s, 0 for no limit.</summary>
    public int? MaxRate { get; init; }

    /// <summary>State of its link.</summary>
    public VfLinkState? LinkState { get; init; }
}
