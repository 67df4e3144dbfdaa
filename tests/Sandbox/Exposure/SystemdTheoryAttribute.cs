namespace ACCOffload.Sandbox.Tests.Exposure;

/// <summary>Skipped where systemd's tools are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SystemdTheoryAttribute : TheoryAttribute
{
    /// <summary>Names what is missing.</summary>
    public SystemdTheoryAttribute() => Skip = File.Exists("/usr/bin/systemd-analyze") ? null : "needs systemd-analyze, of the package systemd";
}
