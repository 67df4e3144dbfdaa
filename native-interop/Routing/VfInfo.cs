using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>What a virtual function's link does (IFLA_VF_LINK_STATE_*).</summary>
public enum VfLinkState
{
    /// <summary>As the physical function's.</summary>
    Auto = 0,
    /// <summary>Always up: functions of one device reach each other without a cable.</summary>
    Enable = 1,
    /// <summary>Always down.</summary>
    Disable = 2,
}

/// <summary>A virtual function as its physical function's driver configures it.</summary>
public sealed record VfInfo
{
    /// <summary>Its number, from 0.</summary>
    public required int Number { get; init; }

    /// <summary>The address that its driver is given; zero where it may choose.</summary>
    public MacAddress Mac { get; init; }

    /// <summary>VLAN that its packets are put into, 0 for none.</summary>
    public int Vlan { get; init; }

    /// <summary>Priority in the VLAN tag.</summary>
    public int Qos { get; init; }

    /// <summary>Guaranteed rate in Mbit/s, 0 for none.</summary>
    public int MinRate { get; init; }

    /// <summary>Most it may send in Mbit/s, 0 for no limit.</summary>
    public int MaxRate { get; init; }

    /// <summary>Frames with a foreign source address are dropped; null where the driver does not say.</summary>
    public bool? SpoofCheck { get; init; }

    /// <summary>It may change its address and listen to all packets; null where the driver does not say.</summary>
    public bool? Trust { get; init; }

    /// <summary>What its link does; null where the driver does not say.</summary>
    public VfLinkState? LinkState { get; init; }
}
