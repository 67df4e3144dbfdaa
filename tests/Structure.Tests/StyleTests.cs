namespace ACCOffload.Structure.Tests;

/// <summary>What the compiler and the formatter do not enforce.</summary>
public sealed class StyleTests
{
    private const int MaxLineLength = 140;

    public static TheoryData<string> Projects => DependencyTests.Projects;

    [Theory]
    [MemberData(nameof(Projects))]
    public void Namespaces_follow_folders(string folder)
    {
        var project = SourceTree.Instance.Project(folder);
        var wrong = project.Files
            .Where(f => f.Namespace is { } name
                && name != (f.Folder.Length == 0 ? project.RootNamespace : project.RootNamespace + "." + f.Folder.Replace('/', '.')))
            .Select(f => $"{f.Path}: {f.Namespace}");

        Assert.Empty(wrong);
    }

    /// <summary>In tests, literals (JSON, packets, commands) may be longer: breaking them makes them harder to read.</summary>
    [Theory]
    [MemberData(nameof(Projects))]
    public void Lines_end_at_140_characters(string folder)
    {
        var project = SourceTree.Instance.Project(folder);
        var wrong = project.Files.SelectMany(f => f.Text.Split('\n').Zip(f.Code.Split('\n'))
            .Select((line, i) => (f.Path, Line: i + 1, Length: Measure(project, line.First, line.Second)))
            .Where(l => l.Length > MaxLineLength));

        Assert.Empty(wrong.Select(w => $"{w.Path}:{w.Line}: {w.Length} characters"));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void ConfigureAwait_false_is_not_used(string folder)
    {
        var project = SourceTree.Instance.Project(folder);

        Assert.Empty(project.Files.Where(f => f.Code.Contains("ConfigureAwait(false)", StringComparison.Ordinal)).Select(f => f.Path));
    }

    private static int Measure(SourceProject project, string text, string code) =>
        project.Ships || text.TrimStart().StartsWith("//", StringComparison.Ordinal) ? text.Length : code.Length;
}
