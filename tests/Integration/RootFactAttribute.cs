namespace ACCOffload.Integration;

/// <summary>A test that makes namespaces and links: skipped by name without root.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootFactAttribute : FactAttribute
{
    /// <summary>Skips the test where the process is not root or the binaries are not published.</summary>
    public RootFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "needs root";
        }
        else if (!File.Exists(Lab.Published.InfraManager))
        {
            Skip = $"needs the published binaries: run 'make publish' ({Lab.Published.InfraManager} is missing)";
        }
    }
}
