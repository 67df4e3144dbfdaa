using ACCOffload.NativeInterop.Addresses;

namespace ACCOffload.NativeInterop.Routing;

/// <summary>Link state of a virtual function (IFLA_VF_LINK_STATE_*).</summary>
public enum VfLinkState
{
    /// <summary>Follows the physical function's link.</summary>
    Auto = 0,
    /// <summary>Always up: functions of one device reach each other without a carrier.</summary>
    Enable = 1,
    /// <summary>Always down.</summary>
    Disable = 2,
}

/// <summary>Configuration of a virtual function, as reported by its physical function's driver.</summary>
public sealed record VfInfo
{
    /// <summary>Its number, from 0.</summary>
    public required int Number { get; init; }

    /// <summary>Its assigned Ethernet address; zero if its driver may choose one.</summary>
    public MacAddress Mac { get; init; }

    /// <summary>VLAN of its packets, 0 for none.</summary>
    public int Vlan { get; init; }

    /// <summary>Priority in the VLAN tag.</summary>
    public int Qos { get; init; }

    /// <summary>Guaranteed rate in Mbit/s, 0 for none.</summary>
    public int MinRate { get; init; }

    /// <summary>Maximum send rate in Mbit/s, 0 for no limit.</summary>
    public int MaxRate { get; init; }

    /// <summary>Frames with a foreign source address are dropped; null if the driver does not report it.</summary>
    public bool? SpoofCheck { get; init; }

    /// <summary>It may change its address and receive all packets; null if the driver does not report it.</summary>
    public bool? Trust { get; init; }

    /// <summary>State of its link; null if the driver does not report it.</summary>
    public VfLinkState? LinkState { get; init; }
}
