using System.Globalization;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.HostStub.Devices;

/// <summary>Settings of the device kinds: one record for each kind that has any.</summary>
internal sealed record DeviceSettings(IpvlanConfig Ipvlan, VfConfig Vf, SfConfig Sf);

/// <summary>Settings of ipvlan devices. An empty parent disables them.</summary>
/// <param name="Parent">Name of the host interface that all pods share.</param>
/// <param name="Port">Name of the parent's port on the target.</param>
internal sealed record IpvlanConfig(string Parent, string Port);

/// <summary>Settings of SR-IOV virtual functions. An empty list disables them.</summary>
/// <param name="PhysicalFunctions">Interface names, PCI addresses or vendor:device.</param>
internal sealed record VfConfig(IReadOnlyList<string> PhysicalFunctions)
{
    /// <summary>Virtual functions to create on each physical function; 0 leaves the number as it is.</summary>
    public int Count { get; init; }

    /// <summary>Numbers of the virtual functions that pods may use.</summary>
    public NumberRange Numbers { get; init; } = new(0, uint.MaxValue);

    /// <summary>Name of the port that all functions share on the target; empty when each has its own.</summary>
    public string Port { get; init; } = "";

    public FunctionMac Mac { get; init; }

    /// <summary>VLAN ID; 0 for none, null for the driver's setting.</summary>
    public int? Vlan { get; init; }

    public bool? Trust { get; init; }

    public bool? SpoofCheck { get; init; }

    /// <summary>In Mbit/s; 0 for no limit, null for the driver's setting.</summary>
    public int? MaxRate { get; init; }

    public bool HasSettings => Vlan is not null || Trust is not null || SpoofCheck is not null || MaxRate is not null;
}

/// <summary>Settings of subfunctions. Without a devlink device, they are disabled.</summary>
internal sealed record SfConfig(DevlinkHandle? Device)
{
    /// <summary>Number of the physical function that they belong to.</summary>
    public ushort PhysicalFunction { get; init; }

    /// <summary>Numbers of the subfunctions that pods may use. Subfunctions with other numbers are never touched.</summary>
    public NumberRange Numbers { get; init; } = new(1, 254);

    /// <summary>Number of free subfunctions to keep ready.</summary>
    public int Warm { get; init; }

    /// <summary>Whether a subfunction is kept for the next pod.</summary>
    public bool Reuse { get; init; } = true;

    /// <summary>Time limit for a subfunction to become operational.</summary>
    public TimeSpan Activation { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Name of the port that all subfunctions share on the target; empty when each has its own.</summary>
    public string Port { get; init; } = "";

    public FunctionMac Mac { get; init; }
}

/// <summary>Which MAC a function has in the pod.</summary>
internal enum FunctionMac
{
    /// <summary>Its own. Required where the target derives the port number from it.</summary>
    Keep,

    /// <summary>A random one for each attachment.</summary>
    Random,
}

/// <summary>An inclusive range of function numbers.</summary>
internal readonly record struct NumberRange(uint First, uint Last)
{
    public bool Contains(uint number) => number >= First && number <= Last;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{First}-{Last}");

    /// <summary>Reads "3" or "0-7".</summary>
    /// <returns>An error message, or null if the text is valid.</returns>
    public static string? Parse(string text, out NumberRange range)
    {
        range = default;
        var ends = text.Split('-');
        if (ends.Length > 2 || !Number(ends[0], out var first) || !Number(ends[^1], out var last))
        {
            return "not a range of numbers";
        }

        range = new NumberRange(first, last);
        return first <= last ? null : "the first number is larger than the last";
    }

    private static bool Number(string text, out uint number) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
