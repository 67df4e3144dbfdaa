using ACCOffload.Integration.Lab;

namespace ACCOffload.Image.Tests.Packages;

/// <summary>The packages for this machine's architecture, built once for all tests that need them.</summary>
public sealed class BuiltPackages : IAsyncLifetime
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("accoffload-packages-").FullName;

    public ValueTask InitializeAsync() => PackageFactAttribute.Missing is null ? new(BuildAsync(Folder)) : ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal static Task BuildAsync(string folder, params string[] options) =>
        Shell.RunAsync(null, $"{Published.Root}/rootfs/package/build", ["--out", folder, .. options, Published.Rid], limit: TimeSpan.FromMinutes(8)).Succeeded();

    /// <summary>The only file that matches the pattern.</summary>
    public string File(string pattern) => Assert.Single(Directory.GetFiles(Folder, pattern));
}
