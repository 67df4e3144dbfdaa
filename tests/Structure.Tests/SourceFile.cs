using System.Text.RegularExpressions;

namespace ACCOffload.Structure.Tests;

/// <summary>A C# file, with what the rules check.</summary>
/// <param name="Path">Relative to the project.</param>
/// <param name="Text">As it is.</param>
/// <param name="Code">Without comments and the contents of strings.</param>
internal sealed partial record SourceFile(string Path, string Text, string Code)
{
    /// <summary>Relative to the project; empty at the top.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!.Replace('\\', '/');

    public string? Namespace => NamespaceLine().Match(Code) is { Success: true } match ? match.Groups[1].Value : null;

    /// <summary>The namespaces of its using directives, those of aliases and static ones with their type.</summary>
    public IEnumerable<string> Usings => UsingLine().Matches(Code).Select(m => m.Groups[1].Value);

    /// <summary>The top-level types that it declares.</summary>
    public IEnumerable<string> Types => TypeLine().Matches(Code).Select(m => m.Groups[1].Value).Distinct();

    /// <summary>Every word that can name a type: not what follows a dot.</summary>
    public HashSet<string> Words => [.. Word().Matches(Code).Select(m => m.Value)];

    /// <summary>Every pair "A.B" that can name a type by part of its namespace.</summary>
    public IEnumerable<(string Left, string Right)> Pairs =>
        Pair().Matches(Code).Select(m => (m.Groups[1].Value, m.Groups[2].Value)).Distinct();

    public static SourceFile Read(string root, string path)
    {
        var text = File.ReadAllText(System.IO.Path.Combine(root, path));
        return new SourceFile(path, text, Strip(text));
    }

    // Line breaks stay, so that a line of the code is a line of the text.
    private static string Strip(string text) => CommentOrString().Replace(
        text, m => (m.Value[0] == '/' ? " " : "\"\"") + new string('\n', m.Value.Count(c => c == '\n')));

    [GeneratedRegex("""//[^\n]*|/\*.*?\*/|\$*"{3,}.*?"{3,}|@"(?:[^"]|"")*"|\$?"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""",
        RegexOptions.Singleline)]
    private static partial Regex CommentOrString();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^using (?:static )?(?:\w+ = )?(?:global::)?([\w.]+)[^;(]*;", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(@"^(?:[a-z]+ )*(?:class|struct|record struct|record|interface|enum|delegate [\w<>?,\[\]]+) (\w+)",
        RegexOptions.Multiline)]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"(?<![\w.])[A-Z]\w*")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?<![\w.])([A-Z]\w*)\.([A-Z]\w*)")]
    private static partial Regex Pair();
}
