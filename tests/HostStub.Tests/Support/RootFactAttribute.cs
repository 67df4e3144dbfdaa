namespace ACCOffload.HostStub.Tests;

/// <summary>A test that creates namespaces and links.</summary>
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

/// <summary>A test that also delegates to Debian's host-local.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CniFactAttribute : FactAttribute
{
    public CniFactAttribute(params string[] alsoNeeded) => Skip = CniTheoryAttribute.ReasonFor([.. alsoNeeded, "host-local"]);
}

/// <summary>As <see cref="CniFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CniTheoryAttribute : TheoryAttribute
{
    public CniTheoryAttribute(params string[] alsoNeeded) => Skip = ReasonFor([.. alsoNeeded, "host-local"]);

    internal static string PluginDirectory => "/usr/lib/cni";

    internal static string? ReasonFor(string[] plugins)
    {
        var missing = string.Join(", ", plugins.Where(p => !File.Exists(Path.Combine(PluginDirectory, p))));
        return RootTheoryAttribute.Reason
            ?? (missing.Length > 0 ? $"needs {missing} in {PluginDirectory} (containernetworking-plugins)" : null);
    }
}
