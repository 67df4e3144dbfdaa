using System.Text.RegularExpressions;

namespace ACCOffload.Integration.Tests;

/// <summary>All links and references in and to the documentation resolve.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string[] SkippedFolders = [".git", "bin", "obj", "out", "TestResults"];
    private static readonly string[] TextFiles = ["", ".cs", ".p4", ".json", ".in", ".yaml", ".service", ".conf"];

    [Fact]
    public void Every_link_refers_to_an_existing_file_and_heading()
    {
        var broken = new List<string>();
        foreach (var page in Files().Where(f => f.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach (var target in Links(page).Where(t => !t.Contains("://", StringComparison.Ordinal)))
            {
                var parts = target.Split('#', 2);
                var file = parts[0].Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, parts[0]));
                if (!File.Exists(file) && !Directory.Exists(file))
                {
                    broken.Add($"{Name(page)}: {target}: no such file");
                }
                else if (parts.Length == 2 && !Headings(file).Contains(parts[1]))
                {
                    broken.Add($"{Name(page)}: {target}: no such heading");
                }
            }
        }

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_page_named_in_a_source_or_message_exists()
    {
        var broken = Files().Where(f => TextFiles.Contains(Path.GetExtension(f)))
            .SelectMany(f => Page().Matches(File.ReadAllText(f)).Select(m => (File: Name(f), Page: m.Value)))
            .Where(r => !File.Exists(Path.Combine(Repository.Root, r.Page)));

        Assert.Empty(broken);
    }

    [Fact]
    public void Every_page_is_in_the_index()
    {
        var index = Path.Combine(Repository.Root, "docs/README.md");
        var pages = Directory.GetFiles(Path.GetDirectoryName(index)!, "*.md").Select(Path.GetFileName).Where(p => p != "README.md");

        Assert.Empty(pages.Except(Links(index)));
    }

    [Fact]
    public void Every_test_named_in_the_security_page_exists()
    {
        var sources = Files().Where(f => f.StartsWith(Path.Combine(Repository.Root, "tests"), StringComparison.Ordinal)
            && f.EndsWith(".cs", StringComparison.Ordinal))
            .Select(File.ReadAllText).ToList();
        var names = File.ReadLines(Path.Combine(Repository.Root, "docs/security.md"))
            .Where(l => l.StartsWith("| ", StringComparison.Ordinal)).SelectMany(l => TestName().Matches(l)).ToList();

        Assert.NotEmpty(names);
        foreach (var name in names)
        {
            var (type, method) = (name.Groups["type"].Value, name.Groups["method"].Value);
            var pattern = method.Length == 0 ? "" : $@"[\s\S]* {method}{(name.Groups["more"].Success ? @"\w*" : "")}\(";
            Assert.True(sources.Any(s =>
                Regex.IsMatch(s, $@"\bclass {type}\b{pattern}")), $"docs/security.md names {name.Value}, which is not among the tests");
        }
    }

    private static IEnumerable<string> Files(string? folder = null)
    {
        folder ??= Repository.Root;
        return Directory.EnumerateFiles(folder)
            .Concat(Directory.EnumerateDirectories(folder).Where(d => !SkippedFolders.Contains(Path.GetFileName(d))).SelectMany(Files));
    }

    private static IEnumerable<string> Links(string page) =>
        Link().Matches(Fence().Replace(File.ReadAllText(page), "")).Select(m => m.Groups[1].Value);

    // Anchors as GitHub generates them: lower case, no punctuation, hyphens for spaces.
    private static HashSet<string> Headings(string page) => [.. File.ReadLines(page).Where(l => l.StartsWith('#'))
        .Select(l => NotInAnchor().Replace(l.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'))];

    private static string Name(string file) => Path.GetRelativePath(Repository.Root, file);

    [GeneratedRegex(@"^```[\s\S]*?^```", RegexOptions.Multiline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"\bdocs/[a-z-]+\.md\b")]
    private static partial Regex Page();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotInAnchor();

    [GeneratedRegex(@"`(?:\w+\.Tests\.)?(?<type>\w+Tests)(?:\.(?<method>\w+)(?<more>…)?)?`")]
    private static partial Regex TestName();
}
