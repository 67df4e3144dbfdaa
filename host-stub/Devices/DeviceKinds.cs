using ACCOffload.HostStub.Configuration;

namespace ACCOffload.HostStub.Devices;

/// <summary>The kinds that a configuration offers.</summary>
internal static class DeviceKinds
{
    public const string Names = "veth, tap or ipvlan";

    public static IReadOnlyList<IDeviceKind> Make(AgentConfig config, VethKind veth, DataPlaneNamespace dataPlane)
    {
        var kinds = new List<IDeviceKind> { veth, new TapKind(dataPlane) };
        if (config.Ipvlan.Parent.Length > 0)
            kinds.Add(new IpvlanKind(config.Ipvlan));
        return kinds;
    }

    public static bool IsKnown(string kind) => kind is "veth" or "tap" or "ipvlan";
}
