using System.Runtime.InteropServices;

namespace ACCOffload.Integration.Lab;

/// <summary>Where the published binaries and the repository are: tests run what users run.</summary>
internal static class Published
{
    public static string Root { get; } = FindRoot();

    public static string Rid { get; } = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";

    public static string InfraManager => Path.Combine(Root, "out", Rid, "inframanager", "inframanager");

    public static string HostStub => Path.Combine(Root, "out", Rid, "host-stub", "host-stub");

    private static string FindRoot()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "ACCOffload.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException("ACCOffload.sln is in no parent of the test's folder");
    }
}
