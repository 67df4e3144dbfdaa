using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Devices;

/// <summary>The known device kinds.</summary>
internal static class DeviceKinds
{
    private static readonly string[] Known = ["veth", "tap", "ipvlan", "vf", "sf"];

    public static string Names { get; } = $"{string.Join(", ", Known[..^1])} or {Known[^1]}";

    /// <summary>The kinds that the configuration enables.</summary>
    public static IReadOnlyList<IDeviceKind> Create(
        DeviceSettings settings, DataPlaneNamespace dataPlane, HostHardware hardware, ILogger logger)
    {
        IDeviceKind?[] kinds =
        [
            new VethKind(dataPlane),
            new TapKind(dataPlane),
            settings.Ipvlan.Parent.Length > 0 ? new IpvlanKind(settings.Ipvlan) : null,
            settings.Vf.PhysicalFunctions.Count > 0 ? new VfKind(settings.Vf, hardware, logger) : null,
            settings.Sf.Device is not null ? new SfKind(settings.Sf, hardware) : null,
        ];
        return [.. kinds.OfType<IDeviceKind>()];
    }

    public static bool IsKnown(string kind) => Known.Contains(kind);

    /// <summary>Whether a device plugin can choose the kind's device.</summary>
    public static bool HasDeviceIds(string kind) => kind is "vf" or "sf";

    /// <summary>The kind that a runtime's device ID refers to; a PCI address refers to a virtual function.</summary>
    public static string OfDeviceId(string id) => SfKind.IsDeviceId(id) ? "sf" : "vf";
}
