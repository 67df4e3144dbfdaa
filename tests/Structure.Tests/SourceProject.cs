using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace ACCOffload.Structure.Tests;

/// <summary>One project: its own files, and the projects that it references.</summary>
/// <param name="Name">The project file's name without its extension.</param>
/// <param name="Folder">Relative to the repository.</param>
/// <param name="RootNamespace">The namespace of files at the top.</param>
/// <param name="References">The folders of referenced projects.</param>
/// <param name="Files">Without generated ones.</param>
internal sealed partial record SourceProject(string Name, string Folder, string RootNamespace, IReadOnlyList<string> References,
    IReadOnlyList<SourceFile> Files)
{
    /// <summary>Whether it ships: every project outside tests/ and benchmarks/ does.</summary>
    public bool Ships => !Folder.StartsWith("tests/", StringComparison.Ordinal) && Folder != "benchmarks";

    public static SourceProject Read(string root, string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        var text = File.ReadAllText(Path.Combine(root, path));
        var document = XDocument.Parse(text);
        var name = Path.GetFileNameWithoutExtension(path);
        var rootNamespace = document.Descendants("RootNamespace").FirstOrDefault()?.Value ?? $"ACCOffload.{name}";
        var references = document.Descendants("ProjectReference")
            .Select(r =>
                Path.GetRelativePath(root, Path.GetFullPath(Path.Combine(root, folder, r.Attribute("Include")!.Value.Replace('\\', '/')))))
            .Select(r => Path.GetDirectoryName(r)!)
            .ToList();
        var files = Directory.EnumerateFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Path.Combine(root, folder), f))
            .Where(f => !BuildOutput().IsMatch(f) && !HasOwnProject(Path.Combine(root, folder), f))
            .Order(StringComparer.Ordinal)
            .Select(f => SourceFile.Read(Path.Combine(root, folder), f))
            .ToList();
        return new SourceProject(name, folder, rootNamespace, references, files);
    }

    /// <summary>The folder that a namespace of this project stands for; null for a namespace of another project.</summary>
    public string? FolderOf(string name) =>
        name == RootNamespace ? "" : name.StartsWith(RootNamespace + ".", StringComparison.Ordinal)
            ? name[(RootNamespace.Length + 1)..].Replace('.', '/')
            : null;

    // A project below this one, such as tests/Devices.Tests/Probe.
    private static bool HasOwnProject(string folder, string file)
    {
        for (var at = Path.GetDirectoryName(file); !string.IsNullOrEmpty(at); at = Path.GetDirectoryName(at))
        {
            if (Directory.EnumerateFiles(Path.Combine(folder, at), "*.csproj").Any())
            {
                return true;
            }
        }

        return false;
    }

    [GeneratedRegex("(^|/)(bin|obj|out)/")]
    private static partial Regex BuildOutput();
}
