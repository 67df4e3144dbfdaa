namespace ACCOffload.TestKit;

/// <summary>The repository that contains the tests' output folder.</summary>
public static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>The full path of a file or folder of the repository.</summary>
    public static string At(string path) => Path.Combine(Root, path);

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
