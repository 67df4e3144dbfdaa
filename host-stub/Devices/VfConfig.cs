namespace ACCOffload.HostStub.Devices;

/// <summary>Where SR-IOV virtual functions come from, and what each gets. Empty: there are none.</summary>
/// <param name="PhysicalFunctions">Interface names, PCI addresses or vendor:device.</param>
internal sealed record VfConfig(IReadOnlyList<string> PhysicalFunctions)
{
    /// <summary>How many each physical function is to have; 0: as many as somebody else made.</summary>
    public int Count { get; init; }

    /// <summary>Those that pods may have.</summary>
    public NumberRange Numbers { get; init; } = new(0, uint.MaxValue);

    /// <summary>The port that all have on the target; empty: each has its own.</summary>
    public string Port { get; init; } = "";

    public FunctionMac Mac { get; init; }

    /// <summary>Null: as the driver has it; 0: none.</summary>
    public int? Vlan { get; init; }

    public bool? Trust { get; init; }

    public bool? SpoofCheck { get; init; }

    /// <summary>Mbit/s; null: as the driver has it, 0: no limit.</summary>
    public int? MaxRate { get; init; }

    public bool HasSettings => Vlan is not null || Trust is not null || SpoofCheck is not null || MaxRate is not null;
}
