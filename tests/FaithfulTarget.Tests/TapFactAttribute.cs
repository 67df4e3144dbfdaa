namespace ACCOffload.Faithful.Tests;

/// <summary>A test that makes TAP links: skipped by name without root, or where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapFactAttribute : FactAttribute
{
    public TapFactAttribute() =>
        Skip = !Environment.IsPrivilegedProcess ? "needs root" : File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)";
}
