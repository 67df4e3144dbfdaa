namespace ACCOffload.HostStub.Devices;

/// <summary>Which MAC a function has in the pod.</summary>
internal enum FunctionMac
{
    /// <summary>Its own: the only choice where the port's number follows from it.</summary>
    Keep,

    /// <summary>A random one for each attachment.</summary>
    Random,
}
