using ACCOffload.TestKit.Processes;

namespace ACCOffload.Image.Tests.Packages;

/// <summary>The packages for this machine's architecture, built once for all tests that need them.</summary>
public sealed class BuiltPackages : IAsyncLifetime
{
    /// <summary>Why packages can't be built or installed here, or null.</summary>
    public static string? Missing { get; } = FindMissing();

    public string Folder { get; } = Directory.CreateTempSubdirectory("accoffload-packages-").FullName;

    public ValueTask InitializeAsync() => Missing is null ? new(BuildAsync(Folder)) : ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal static Task BuildAsync(string folder, params string[] options) =>
        Shell.RunAsync(null, $"{Repository.Root}/rootfs/package/build", ["--out", folder, .. options, Published.Rid],
            limit: TimeSpan.FromMinutes(8)).Succeeded();

    /// <summary>The only file that matches the pattern.</summary>
    public string File(string pattern) => Assert.Single(Directory.GetFiles(Folder, pattern));

    private static string? FindMissing()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root";
        }

        foreach (var (program, package) in new[] { ("mmdebstrap", "mmdebstrap"), ("rpmbuild", "rpm"), ("systemd-sysusers", "systemd"),
            ("objdump", "binutils") })
        {
            if (!System.IO.File.Exists($"/usr/bin/{program}"))
            {
                return $"needs {package}";
            }
        }

        return System.IO.File.Exists(Published.InfraManager) && System.IO.File.Exists(Published.HostStub)
            ? null
            : "needs the published binaries: run 'make publish'";
    }
}
