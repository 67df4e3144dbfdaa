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
            .Where(f => f.Namespace is { } name && name != (f.Folder.Length == 0 ? project.RootNamespace : project.RootNamespace + "." + f.Folder.Replace('/', '.')))
            .Select(f => $"{f.Path}: {f.Namespace}");

        Assert.Empty(wrong);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Lines_end_at_140_characters(string folder)
    {
        var project = SourceTree.Instance.Project(folder);
        var wrong = project.Files.SelectMany(f => f.Text.Split('\n').Select((line, i) => (f.Path, Line: i + 1, line.Length)).Where(l => l.Length > MaxLineLength));

        Assert.Empty(wrong.Select(w => $"{w.Path}:{w.Line}: {w.Length} characters"));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Nothing_configures_its_awaits(string folder)
    {
        var project = SourceTree.Instance.Project(folder);

        Assert.Empty(project.Files.Where(f => f.Code.Contains("ConfigureAwait(false)", StringComparison.Ordinal)).Select(f => f.Path));
    }
}
