namespace ACCOffload.InfraManager.Tests.Fixtures;

internal static class Repository
{
    /// <summary>Where the sources are: above the tests' output.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "ACCOffload.sln")))
            {
                return at.FullName;
            }
        }
        throw new InvalidOperationException($"no ACCOffload.sln above {folder}");
    }
}
