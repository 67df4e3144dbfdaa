using System.Globalization;
using System.Text;

namespace ACCOffload.Configuration;

/// <summary>One thing that is wrong with the configuration, told in one line.</summary>
/// <param name="Source">The file, or the environment variable, that the value comes from.</param>
/// <param name="Key">The key, with colons between section and name; empty when it is the whole file.</param>
/// <param name="Value">The value as written; null when there is none.</param>
/// <param name="Reason">Why it can't be used.</param>
/// <param name="Remedy">What to do.</param>
public sealed record ConfigurationError(string Source, string Key, string? Value, string Reason, string Remedy)
{
    private const int LongestValue = 80;

    /// <inheritdoc/>
    public override string ToString()
    {
        var line = new StringBuilder(Source).Append(": ");
        if (Key.Length > 0)
        {
            line.Append(Key);
            if (Value is not null)
            {
                line.Append(" = \"").Append(OneLine(Value)).Append('"');
            }

            line.Append(": ");
        }
        return line.Append(Reason).Append("; ").Append(Remedy).ToString();
    }

    /// <summary>
    /// Keeps a value from breaking the line, changing how it is shown, or hiding the rest of it: control characters, invisible ones and those
    /// that turn the direction of writing are escaped, and what is too long is cut.
    /// </summary>
    /// <param name="value">Any text.</param>
    /// <param name="longest">Most characters that are kept.</param>
    public static string OneLine(string value, int longest = LongestValue)
    {
        var shown = new StringBuilder();
        foreach (var rune in value.EnumerateRunes())
        {
            if (shown.Length >= longest)
            {
                return shown.Append('…').ToString();
            }

            if (IsShown(rune))
            {
                shown.Append(rune);
            }
            else
            {
                shown.Append("\\u").Append(rune.Value.ToString("x4", CultureInfo.InvariantCulture));
            }
        }
        return shown.ToString();
    }

    // What is no valid UTF-16 is enumerated as U+FFFD.
    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate);
}
