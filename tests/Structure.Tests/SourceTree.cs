using System.Text.RegularExpressions;

namespace ACCOffload.Structure.Tests;

/// <summary>The projects of the solution as they are written, without building anything.</summary>
internal sealed partial class SourceTree
{
    private SourceTree(IReadOnlyList<SourceProject> projects) => Projects = projects;

    public static SourceTree Instance { get; } = Read();

    public IReadOnlyList<SourceProject> Projects { get; }

    public SourceProject Project(string folder) => Projects.Single(p => p.Folder == folder);

    private static SourceTree Read()
    {
        var solution = File.ReadAllText(Repository.At("ACCOffload.sln"));
        var projects = ProjectLine().Matches(solution).Select(m => m.Groups[1].Value.Replace('\\', '/')).Order(StringComparer.Ordinal);
        return new SourceTree([.. projects.Select(p => SourceProject.Read(Repository.Root, p))]);
    }

    [GeneratedRegex("\"([^\"]+\\.csproj)\"")]
    private static partial Regex ProjectLine();
}
