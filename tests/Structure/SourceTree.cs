using System.Text.RegularExpressions;

namespace ACCOffload.Structure.Tests;

/// <summary>The projects of the solution as they are written, without building anything.</summary>
internal sealed partial class SourceTree
{
    private SourceTree(string root, IReadOnlyList<SourceProject> projects)
    {
        Root = root;
        Projects = projects;
    }

    public static SourceTree Instance { get; } = Read();

    public string Root { get; }

    public IReadOnlyList<SourceProject> Projects { get; }

    /// <summary>The projects that ship: all outside tests/ and benchmarks/.</summary>
    public IEnumerable<SourceProject> Product => Projects.Where(p => !p.Folder.StartsWith("tests/", StringComparison.Ordinal) && p.Folder != "benchmarks");

    private static SourceTree Read()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "ACCOffload.sln")))
        {
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException($"no ACCOffload.sln above {AppContext.BaseDirectory}");
        }

        var solution = File.ReadAllText(Path.Combine(root, "ACCOffload.sln"));
        var projects = ProjectLine().Matches(solution).Select(m => m.Groups[1].Value.Replace('\\', '/')).Order(StringComparer.Ordinal);
        return new SourceTree(root, [.. projects.Select(p => SourceProject.Read(root, p))]);
    }

    [GeneratedRegex("\"([^\"]+\\.csproj)\"")]
    private static partial Regex ProjectLine();
}
