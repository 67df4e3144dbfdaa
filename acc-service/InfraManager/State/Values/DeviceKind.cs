namespace ACCOffload.InfraManager.State.Values;

/// <summary>The kind of device behind an endpoint's port. Stored: never renumber.</summary>
internal enum DeviceKind
{
    Veth = 1,
    Tap = 2,
    /// <summary>Several endpoints share one port and one MAC address.</summary>
    Ipvlan = 3,
    SubFunction = 4,
    VirtualFunction = 5,
}
