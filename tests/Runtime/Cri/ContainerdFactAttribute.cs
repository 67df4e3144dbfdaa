namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>A test that drives containerd: skipped by name without root, the published binaries, or one of the programs.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ContainerdFactAttribute : FactAttribute
{
    public ContainerdFactAttribute()
    {
        Skip = new Integration.RootFactAttribute().Skip;
        if (Skip is null && Programs.Missing() is { } missing)
        {
            Skip = $"needs {missing}: run 'make deps'";
        }
    }
}
