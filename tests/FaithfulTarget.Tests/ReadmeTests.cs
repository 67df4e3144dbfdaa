using System.Text.RegularExpressions;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Checks the table in the README of the faithful target: every behaviour is listed and has existing tests.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string TestFolder = Path.Combine(Repository.Root, "tests");
    private static readonly string[] Rows = [.. File.ReadLines(Path.Combine(TestFolder, "FaithfulTarget", "README.md"))
        .Where(l => NumberedRow().IsMatch(l))];

    [Fact]
    public void Every_behaviour_is_in_the_table()
    {
        var behaviours = typeof(FaithfulBehaviours).GetProperties().Where(p => p.PropertyType == typeof(bool)).Select(p => p.Name);

        Assert.Equal(behaviours.Order(StringComparer.Ordinal),
            Rows.Select(r => Assert.Single(NamesIn(r, 2))).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_behaviour_names_existing_tests()
    {
        string[] sources = [.. Directory.EnumerateFiles(TestFolder, "*.cs", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Select(File.ReadAllText)];

        foreach (var row in Rows)
        {
            var tests = NamesIn(row, 5);
            Assert.True(tests.Length > 0, $"no test in {row}");
            Assert.All(tests, t => Assert.Contains(sources, s => IsIn(s, t)));
        }
    }

    private static string[] NamesIn(string row, int column) => [.. Quoted().Matches(row.Split('|')[column]).Select(m => m.Groups[1].Value)];

    private static bool IsIn(string source, string test) => test.Split('.') is [var type, var method]
        && Regex.IsMatch(source, $@"\bclass {type}\b") && Regex.IsMatch(source, $@"\bpublic (async Task|Task|void) {method}\(");

    [GeneratedRegex(@"^\| \d+ \|")]
    private static partial Regex NumberedRow();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
