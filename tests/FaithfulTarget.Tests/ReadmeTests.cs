using System.Text.RegularExpressions;

namespace ACCOffload.FaithfulTarget.Tests;

/// <summary>Checks the table in the README of the faithful target: every behaviour is listed, with places and tests that exist.</summary>
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
        var sources = SourcesIn(TestFolder);

        foreach (var row in Rows)
        {
            var tests = NamesIn(row, 5);
            Assert.True(tests.Length > 0, $"no test in {row}");
            Assert.All(tests, t => Assert.Contains(sources, s => IsIn(s, t)));
        }
    }

    [Fact]
    public void Every_behaviour_names_existing_places_in_the_product()
    {
        var sources = SourcesIn(Path.Combine(Repository.Root, "acc-service"));

        foreach (var row in Rows)
        {
            var places = NamesIn(row, 4);
            Assert.True(places.Length > 0, $"no place in {row}");
            Assert.All(places, p => Assert.True(
                p.Contains('/', StringComparison.Ordinal) ? File.Exists(Path.Combine(Repository.Root, p)) : sources.Any(s => Has(s, p)),
                $"{p} does not exist"));
        }
    }

    private static string[] SourcesIn(string folder) => [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
        .Select(File.ReadAllText)];

    private static string[] NamesIn(string row, int column) => [.. Quoted().Matches(row.Split('|')[column]).Select(m => m.Groups[1].Value)];

    private static bool IsIn(string source, string test) => test.Split('.') is [var type, var method]
        && Regex.IsMatch(source, $@"\bclass {type}\b") && Regex.IsMatch(source, $@"\bpublic (async Task|Task|void) {method}\(");

    // A type, or a member that its type declares, in one of the files of a partial type.
    private static bool Has(string source, string place)
    {
        var names = place.Split('.');
        return names.Length <= 2 && Regex.IsMatch(source, $@"\b(class|record|struct|interface|enum) {names[0]}\b")
            && (names.Length == 1
                || Regex.IsMatch(source, $@"(?m)^ {{4}}[a-z][^=(\n]* {names[1]}\b"));
    }

    [GeneratedRegex(@"^\| \d+ \|")]
    private static partial Regex NumberedRow();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
