using ACCOffload.NativeInterop;

namespace ACCOffload.HostStub.Devices;

/// <summary>What a device kind is asked to make.</summary>
internal sealed record PortRequest(string PortName, MacAddress Mac, int Mtu, string Alias);

/// <summary>A data-plane end as the kernel has it.</summary>
internal sealed record PortInfo(string Name, bool IsUp, string Alias);

/// <summary>A kind of device between a namespace and the pipeline: a veth now, subfunctions and virtual functions later.</summary>
internal interface IDeviceKind
{
    /// <summary>The name in the configuration, in claims and on the wire.</summary>
    string Kind { get; }

    /// <summary>Makes the device, or takes a free one, and puts its near end into the pod as the interface; both ends up.</summary>
    /// <returns>The interface's index in the pod's namespace.</returns>
    int Create(PortRequest request, PodNetwork pod);

    /// <summary>Removes the device, or gives it back; those that are asked for at the same time go together. No error when there is none.</summary>
    Task DeleteAsync(string portName);

    PortInfo? Find(string portName);

    /// <summary>All data-plane ends that are ours.</summary>
    IReadOnlyList<PortInfo> List();
}
