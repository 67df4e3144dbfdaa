namespace ACCOffload.NativeInterop.Tests;

/// <summary>A test that creates TAP links: skipped without root or TAP support.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapFactAttribute : FactAttribute
{
    public TapFactAttribute() => Skip = Reason;

    internal static string? Reason =>
        !Environment.IsPrivilegedProcess ? "needs root" : File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)";
}

/// <summary>As <see cref="TapFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapTheoryAttribute : TheoryAttribute
{
    public TapTheoryAttribute() => Skip = TapFactAttribute.Reason;
}

/// <summary>A test that makes ipvlan links: skipped by name without root, or where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class IpvlanFactAttribute : FactAttribute
{
    public IpvlanFactAttribute() => Skip = IpvlanKernel.Missing;
}
