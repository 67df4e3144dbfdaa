namespace ACCOffload.Fuzz.Tests.Spec;

/// <summary>A plain parser for the top-level declarations of a specification.</summary>
internal static class PlainSpec
{
    private static readonly string[] Blocks = ["struct", "action", "table", "learner", "selector", "apply", "key", "actions", "timeout"];
    private static readonly char[] Blanks = [' ', '\t', '\v', '\f', '\r'];
    private static readonly string[] LineEnds = ["\r\n", "\n", "\r", "\f", "\u0085", "\u2028", "\u2029"];

    public static Dictionary<string, List<string>> Declared(string text)
    {
        var declared = new[] { "table", "action", "header", "learner", "selector", "regarray", "metarray" }.ToDictionary(k => k,
            _ => new List<string>());
        var depth = 0;
        foreach (var line in text.Split(LineEnds, StringSplitOptions.None))
        {
            var words = line.Split(Blanks, StringSplitOptions.RemoveEmptyEntries)
                .TakeWhile(w => w[0] is not ('#' or ';') && !w.StartsWith("//", StringComparison.Ordinal)).ToArray();
            if (words.Length == 0)
            {
                continue;
            }

            if (depth == 0 && words.Length > 1 && declared.TryGetValue(words[0], out var names))
            {
                names.Add(words[1]);
            }
            // A field or argument may also be named "{".
            if (words[^1] == "{" && Array.IndexOf(Blocks, words[0]) >= 0)
            {
                depth++;
            }
            else if (words is ["}"])
            {
                depth--;
            }
        }

        return declared;
    }
}
