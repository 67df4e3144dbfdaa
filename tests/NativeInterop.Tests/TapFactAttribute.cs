namespace ACCOffload.NativeInterop.Tests;

/// <summary>A test that makes TAP links: skipped by name without root, or where the kernel has none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TapFactAttribute : FactAttribute
{
    public TapFactAttribute() => Skip = Reason;

    internal static string? Reason => !Environment.IsPrivilegedProcess ? "needs root" : File.Exists("/dev/net/tun") ? null : "needs /dev/net/tun (module tun)";
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
    public IpvlanFactAttribute() => Skip = !Environment.IsPrivilegedProcess ? "needs root" : IsThere() ? null : "needs ipvlan in the kernel (module ipvlan)";

    private static bool IsThere()
    {
        using var ns = new TestNamespace();
        var parent = ns.Route.CreateVeth(new VethSpec { Name = "parent", PeerName = "peer" })!;
        try
        {
            return ns.Route.CreateIpvlan(new IpvlanSpec { Name = "ipv", Parent = parent.Index }) is not null;
        }
        catch (NetlinkException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return false;
        }
    }
}
