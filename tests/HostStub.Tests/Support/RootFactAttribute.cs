namespace ACCOffload.HostStub.Tests;

/// <summary>A test that makes namespaces and links.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    public RootFactAttribute() => Skip = RootTheoryAttribute.Reason;
}

/// <summary>As <see cref="RootFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute() => Skip = Reason;

    internal static string? Reason => Environment.IsPrivilegedProcess ? null : "needs root";
}

/// <summary>A test that delegates to Debian's host-local as well.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CniFactAttribute : FactAttribute
{
    public CniFactAttribute() => Skip = CniTheoryAttribute.Reason;
}

/// <summary>As <see cref="CniFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CniTheoryAttribute : TheoryAttribute
{
    public CniTheoryAttribute() => Skip = Reason;

    internal static string PluginDirectory => "/usr/lib/cni";

    internal static string? Reason =>
        RootTheoryAttribute.Reason ?? (File.Exists(Path.Combine(PluginDirectory, "host-local")) ? null : $"needs host-local in {PluginDirectory} (containernetworking-plugins)");
}
