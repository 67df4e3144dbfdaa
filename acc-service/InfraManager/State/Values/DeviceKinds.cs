namespace ACCOffload.InfraManager.State.Values;

/// <summary>The names of the device kinds on the wire and in the configuration.</summary>
internal static class DeviceKinds
{
    private static readonly (string Name, DeviceKind Kind)[] All =
        [("veth", DeviceKind.Veth), ("tap", DeviceKind.Tap), ("ipvlan", DeviceKind.Ipvlan), ("sf", DeviceKind.SubFunction),
            ("vf", DeviceKind.VirtualFunction)];

    public static string Names => string.Join(", ", All.Select(k => k.Name));

    public static DeviceKind? Find(string name)
    {
        foreach ((var known, var kind) in All)
        {
            if (known == name)
            {
                return kind;
            }
        }

        return null;
    }

    public static string NameOf(DeviceKind kind) => All.First(k => k.Kind == kind).Name;
}
