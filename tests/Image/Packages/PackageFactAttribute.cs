using ACCOffload.Integration.Lab;

namespace ACCOffload.Image.Tests.Packages;

/// <summary>Skipped, by name, where packages can't be built or installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PackageFactAttribute : FactAttribute
{
    internal static readonly string? Missing = Find();

    /// <summary>Names what is missing.</summary>
    public PackageFactAttribute() => Skip = Missing;

    private static string? Find()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root";
        }

        foreach (var (program, package) in new[] { ("mmdebstrap", "mmdebstrap"), ("rpmbuild", "rpm"), ("systemd-sysusers", "systemd"), ("objdump", "binutils") })
        {
            if (!File.Exists($"/usr/bin/{program}"))
            {
                return $"needs {package}";
            }
        }
        return File.Exists(Published.InfraManager) && File.Exists(Published.HostStub) ? null : "needs the published binaries: run 'make publish'";
    }
}
