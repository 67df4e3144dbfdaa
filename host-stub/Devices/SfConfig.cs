using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.HostStub.Devices;

/// <summary>How subfunctions are made. Without a device there are none.</summary>
internal sealed record SfConfig(DevlinkHandle? Device)
{
    /// <summary>Number of the physical function that they are of.</summary>
    public ushort PhysicalFunction { get; init; }

    /// <summary>Numbers that pods' subfunctions have: nobody else's are touched.</summary>
    public NumberRange Numbers { get; init; } = new(1, 254);

    /// <summary>How many are to be there and free.</summary>
    public int Warm { get; init; }

    /// <summary>Whether one stays for the next pod.</summary>
    public bool Reuse { get; init; } = true;

    /// <summary>How long one may take to become operational.</summary>
    public TimeSpan Activation { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The port that all have on the target; empty: each has its own.</summary>
    public string Port { get; init; } = "";

    public FunctionMac Mac { get; init; }
}
