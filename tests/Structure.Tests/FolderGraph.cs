namespace ACCOffload.Structure.Tests;

/// <summary>Which folder of a project uses which, and in which files.</summary>
internal sealed class FolderGraph
{
    private readonly SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> _arrows = new(StringComparer.Ordinal);

    private FolderGraph(SourceProject project)
    {
        foreach (var file in project.Files)
        {
            _arrows.TryAdd(file.Folder, new(StringComparer.Ordinal));
        }
    }

    public IReadOnlyCollection<string> Folders => _arrows.Keys;

    public IEnumerable<(string From, string To, IReadOnlyCollection<string> Files)> Arrows =>
        _arrows.SelectMany(from => from.Value.Select(to => (from.Key, to.Key, (IReadOnlyCollection<string>)to.Value)));

    /// <summary>
    /// A using directive is an arrow, since the build rejects unused ones. Without one, a file can use the types of its parent namespaces,
    /// and types qualified by a namespace inside its own or a parent (A.B): these are found by their names.
    /// </summary>
    public static FolderGraph Of(SourceProject project)
    {
        var graph = new FolderGraph(project);
        var types = project.Files.GroupBy(f => f.Folder).ToDictionary(g => g.Key, g => g.SelectMany(f => f.Types).ToHashSet());
        foreach (var file in project.Files)
        {
            foreach (var name in file.Usings)
            {
                graph.Add(file,
                    project.FolderOf(name) is { } folder && types.ContainsKey(folder) ? folder : project.FolderOf(Parent(name)));
            }

            var words = file.Words;
            foreach (var parent in Parents(file.Folder))
            {
                if (types.TryGetValue(parent, out var declared) && declared.Any(t => words.Contains(t) && !types[file.Folder].Contains(t)))
                {
                    graph.Add(file, parent);
                }
            }

            foreach (var (left, right) in file.Pairs)
            {
                foreach (var parent in Parents(file.Folder).Append(file.Folder))
                {
                    var folder = parent.Length == 0 ? left : parent + "/" + left;
                    if (types.TryGetValue(folder, out var declared) && declared.Contains(right))
                    {
                        graph.Add(file, folder);
                    }
                }
            }
        }

        return graph;
    }

    /// <summary>Folders in layers: each uses only layers before its own. The rest is on a cycle.</summary>
    public (IReadOnlyList<IReadOnlyList<string>> Layers, IReadOnlyList<string> Cyclic) Order()
    {
        var left = new SortedSet<string>(_arrows.Keys, StringComparer.Ordinal);
        var layers = new List<IReadOnlyList<string>>();
        while (true)
        {
            string[] next = [.. left.Where(f => !_arrows[f].Keys.Any(left.Contains))];
            if (next.Length == 0)
            {
                break;
            }

            layers.Add(next);
            left.ExceptWith(next);
        }

        // Folders above a cycle are not part of it.
        while (left.FirstOrDefault(f => !left.Any(other => _arrows[other].ContainsKey(f))) is { } above)
        {
            left.Remove(above);
        }

        return (layers, [.. left]);
    }

    private static string Parent(string name) => name.LastIndexOf('.') is > 0 and var dot ? name[..dot] : "";

    private static IEnumerable<string> Parents(string folder)
    {
        while (folder.Length > 0)
        {
            folder = Path.GetDirectoryName(folder)!;
            yield return folder;
        }
    }

    private void Add(SourceFile file, string? folder)
    {
        if (folder is null || folder == file.Folder || !_arrows.ContainsKey(folder))
        {
            return;
        }

        if (!_arrows[file.Folder].TryGetValue(folder, out var files))
        {
            _arrows[file.Folder].Add(folder, files = new(StringComparer.Ordinal));
        }

        files.Add(Path.GetFileName(file.Path));
    }
}
