using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>What to change on a virtual function; null leaves a thing as it is. The kernel applies one after the other and stops at the first that fails.</summary>
public sealed record VfChange
{
    /// <summary>New Ethernet address; the function's driver takes it when it is bound again or reset.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary>VLAN, 0 to 4095; 0 for none.</summary>
    public int? Vlan { get; init; }

    /// <summary>Priority in the VLAN tag, 0 to 7; only with <see cref="Vlan"/>.</summary>
    public int? Qos { get; init; }

    /// <summary>Let it change its address and listen to all packets.</summary>
    public bool? Trust { get; init; }

    /// <summary>Drop frames with a foreign source address.</summary>
    public bool? SpoofCheck { get; init; }

    /// <summary>Guaranteed rate in Mbit/s, 0 for none.</summary>
    public int? MinRate { get; init; }

    /// <summary>Most it may send in Mbit/s, 0 for no limit.</summary>
    public int? MaxRate { get; init; }

    /// <summary>What its link does.</summary>
    public VfLinkState? LinkState { get; init; }
}
