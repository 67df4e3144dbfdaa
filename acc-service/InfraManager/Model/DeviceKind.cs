namespace ACCOffload.InfraManager.Model;

/// <summary>The kind of device an endpoint's port is made of. Stored: never renumber.</summary>
internal enum DeviceKind
{
    Veth = 1,
    Tap = 2,
}
