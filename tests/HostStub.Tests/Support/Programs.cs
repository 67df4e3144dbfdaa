namespace ACCOffload.HostStub.Tests.Support;

/// <summary>Executables of the product.</summary>
internal static class Programs
{
    /// <summary>host-stub, from its own output directory: the copy in the tests' output directory lacks some dependencies.</summary>
    public static string HostStub
    {
        get
        {
            var output = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
            var configuration = Path.GetFileName(Path.GetDirectoryName(output)!);
            return Path.Combine(Repository.Root, "host-stub", "bin", configuration, Path.GetFileName(output), "host-stub");
        }
    }
}
