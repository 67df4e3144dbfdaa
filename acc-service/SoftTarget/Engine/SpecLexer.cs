using System.Globalization;

namespace ACCOffload.SoftTarget.Engine;

/// <summary>A non-empty line of a specification.</summary>
internal readonly record struct SpecLine(int Number, string[] Tokens)
{
    public string Keyword => Tokens[0];

    public SpecException Error(string reason) => new(Number, reason);
}

/// <summary>Splits a specification into lines of tokens, and parses numbers as C's strtoull does.</summary>
internal static class SpecLexer
{
    public const int MaxTextLength = 16 << 20;
    private const int MaxTokens = 256;
    private const int MaxTokenLength = 255;

    public static List<SpecLine> Read(string text)
    {
        if (text.Length > MaxTextLength)
        {
            throw new SpecException(0, $"the specification is longer than {MaxTextLength} characters");
        }

        var lines = new List<SpecLine>();
        var tokens = new List<string>();
        var number = 0;
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            number++;
            tokens.Clear();
            Split(line, number, tokens);
            if (tokens.Count > 0)
            {
                lines.Add(new SpecLine(number, [.. tokens]));
            }
        }
        return lines;
    }

    /// <summary>Parses 42, 0x2A, 052 or -1 (all ones), without overflow.</summary>
    public static bool TryNumber(string token, out ulong value)
    {
        var span = token.AsSpan();
        var negative = span.StartsWith("-");
        if (negative || span.StartsWith("+"))
        {
            span = span[1..];
        }

        if (!TryDigits(span, out value))
        {
            return false;
        }

        if (negative)
        {
            value = unchecked(0UL - value);
        }

        return true;
    }

    public static ulong Number(SpecLine line, string token, string what, ulong least, ulong greatest)
    {
        if (!TryNumber(token, out var value))
        {
            throw line.Error($"{what} '{Shorten(token)}' is not a number");
        }

        if (value < least || value > greatest)
        {
            throw line.Error($"{what} {value} is not in the range {least} to {greatest}");
        }

        return value;
    }

    /// <summary>Makes a message a single line, whatever characters the names in it have.</summary>
    public static string OneLine(string message) => Clean(message);

    /// <summary>Shortens a token for an error message.</summary>
    public static string Shorten(string token)
    {
        return Clean(token.Length <= 48 ? token : token[..48] + "…");
    }

    private static string Clean(string text)
    {
        return string.Create(text.Length, text, static (span, source) =>
        {
            for (var i = 0; i < span.Length; i++)
            {
                span[i] = char.IsControl(source[i]) || char.IsSurrogate(source[i]) ? '?' : source[i];
            }
        });
    }

    private static bool TryDigits(ReadOnlySpan<char> span, out ulong value)
    {
        value = 0;
        // .NET's parsers ignore trailing zero bytes.
        if (span.Contains('\0'))
        {
            return false;
        }

        if (span.Length > 2 && span[0] == '0' && (span[1] | 0x20) == 'x')
        {
            return ulong.TryParse(span[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }

        if (span.Length > 1 && span[0] == '0')
        {
            foreach (var c in span[1..])
            {
                if (c is < '0' or > '7' || value >> 61 != 0)
                {
                    return false;
                }

                value = (value << 3) + (ulong)(c - '0');
            }
            return true;
        }
        return ulong.TryParse(span, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    private static void Split(ReadOnlySpan<char> line, int number, List<string> tokens)
    {
        while (true)
        {
            var start = line.IndexOfAnyExcept(" \t\v\f\r");
            if (start < 0)
            {
                return;
            }

            line = line[start..];
            var end = line.IndexOfAny(" \t\v\f\r");
            var token = end < 0 ? line : line[..end];
            if (token[0] is '#' or ';' || token.StartsWith("//"))
            {
                return;
            }

            if (token.Length > MaxTokenLength)
            {
                throw new SpecException(number, $"a word is longer than {MaxTokenLength} characters");
            }

            if (tokens.Count == MaxTokens)
            {
                throw new SpecException(number, $"a line has more than {MaxTokens} words");
            }

            tokens.Add(token.ToString());
            if (end < 0)
            {
                return;
            }

            line = line[end..];
        }
    }
}
