namespace ACCOffload.InfraManager.State.Values;

/// <summary>The kind of device an endpoint's port is made of. Stored: never renumber.</summary>
internal enum DeviceKind
{
    Veth = 1,
    Tap = 2,
    /// <summary>Several endpoints on one port and one MAC.</summary>
    Ipvlan = 3,
    SubFunction = 4,
    VirtualFunction = 5,
}
