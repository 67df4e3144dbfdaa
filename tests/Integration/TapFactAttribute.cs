namespace ACCOffload.Integration;

/// <summary>A test that makes TAP links: skipped by name where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapFactAttribute : FactAttribute
{
    public TapFactAttribute() => Skip = new RootFactAttribute().Skip ?? (File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)");
}
