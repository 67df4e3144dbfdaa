using System.Text;

namespace ACCOffload.Structure.Tests;

/// <summary>Dependencies go one way: projects, and the folders of each project, have an order; nothing uses what comes later.</summary>
public sealed class DependencyTests(ITestOutputHelper output)
{
    /// <summary>
    /// InfraManager's folders by layer, the lowest first. A folder may only use folders of lower layers. A new folder must be added to a
    /// layer here.
    /// </summary>
    private static readonly string[][] InfraManager =
    [
        ["State", "Instruments"],
        ["Store", "Target"],
        ["Programming"],
        ["Security", "Vports", "Arp", "ControlProtocol"],
        ["Cluster", "Uplink", "Felix", "RuleCounters"],
        ["Conditions"],
        ["Api"],
        ["Control"],
        ["Configuration"],
        ["Monitoring", "Diagnosis", "Migration"],
        ["Hosting"],
        ["CommandLine"],
        [""],
    ];

    public static TheoryData<string> Projects => [.. SourceTree.Instance.Projects.Select(p => p.Folder)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void No_folders_depend_on_each_other_cyclically(string folder)
    {
        var project = SourceTree.Instance.Project(folder);
        var graph = FolderGraph.Of(project);

        var (layers, cyclic) = graph.Order();

        output.WriteLine(Print(project, layers));
        var arrows = graph.Arrows.Where(a => cyclic.Contains(a.From) && cyclic.Contains(a.To))
            .Select(a => $"{a.From} -> {a.To}: {string.Join(", ", a.Files)}");
        Assert.True(cyclic.Count == 0, $"these folders of {folder} use each other:\n{string.Join('\n', arrows)}");
    }

    [Fact]
    public void Inframanager_follows_its_layers()
    {
        var graph = FolderGraph.Of(SourceTree.Instance.Project("acc-service/InfraManager"));
        var layer = InfraManager.SelectMany((names, i) => names.Select(n => (n, i))).ToDictionary(l => l.n, l => l.i);

        var wrong = new List<string>();
        foreach (var folder in graph.Folders.Select(Top).Where(f => !layer.ContainsKey(f)).Distinct())
        {
            wrong.Add($"{folder} has no layer");
        }

        foreach (var (from, to, files) in graph.Arrows)
        {
            if (Top(from) != Top(to) && layer.TryGetValue(Top(from), out var above) && layer.TryGetValue(Top(to), out var below)
                && above <= below)
            {
                wrong.Add($"{from} -> {to}: {string.Join(", ", files)}");
            }
        }

        Assert.True(wrong.Count == 0, "arrows against the order:\n" + string.Join('\n', wrong));
    }

    [Fact]
    public void Project_references_have_no_cycles()
    {
        var left = SourceTree.Instance.Projects.ToDictionary(p => p.Folder);
        while (left.Values.Where(p => !p.References.Any(left.ContainsKey)).ToList() is { Count: > 0 } next)
        {
            output.WriteLine(string.Join("  ", next.Select(p => p.Folder)));
            next.ForEach(p => left.Remove(p.Folder));
        }

        Assert.Empty(left.Keys);
    }

    private static string Top(string folder) => folder.Split('/')[0];

    private static string Print(SourceProject project, IReadOnlyList<IReadOnlyList<string>> layers)
    {
        var text = new StringBuilder(project.Folder).AppendLine();
        foreach (var layer in layers)
        {
            text.Append("  ").AppendJoin("  ", layer.Select(f => f.Length == 0 ? "." : f)).AppendLine();
        }

        return text.ToString();
    }
}
