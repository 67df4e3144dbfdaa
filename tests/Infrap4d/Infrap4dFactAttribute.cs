using ACCOffload.Integration;

namespace ACCOffload.Infrap4d;

/// <summary>A test against a real infrap4d: skipped by name where none is given.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class Infrap4dFactAttribute : FactAttribute
{
    public Infrap4dFactAttribute() => Skip = TapMissing.Reason ?? (RealNodeTarget.Command is null ? $"needs {RealNodeTarget.Variable}, the command of an infrap4d for P4-DPDK" : null);
}

/// <summary>A test that makes TAP links: skipped by name where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapFactAttribute : FactAttribute
{
    public TapFactAttribute() => Skip = TapMissing.Reason;
}

internal static class TapMissing
{
    public static string? Reason => new RootFactAttribute().Skip ?? (File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)");
}
