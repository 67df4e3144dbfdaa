namespace ACCOffload.HostStub.Devices;

/// <summary>The kinds that a configuration offers.</summary>
internal static class DeviceKinds
{
    public const string Names = "veth, tap, ipvlan, vf or sf";

    public static IReadOnlyList<IDeviceKind> Make(DeviceSettings config, VethKind veth, DataPlaneNamespace dataPlane, HostHardware hardware)
    {
        var kinds = new List<IDeviceKind> { veth, new TapKind(dataPlane) };
        if (config.Ipvlan.Parent.Length > 0)
        {
            kinds.Add(new IpvlanKind(config.Ipvlan));
        }

        if (config.Vf.PhysicalFunctions.Count > 0)
        {
            kinds.Add(new VfKind(config.Vf, hardware));
        }

        if (config.Sf.Device is not null)
        {
            kinds.Add(new SfKind(config.Sf, hardware));
        }

        return kinds;
    }

    public static bool IsKnown(string kind) => kind is "veth" or "tap" or "ipvlan" or "vf" or "sf";
}
