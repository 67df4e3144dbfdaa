using System.Globalization;
using System.Text;

namespace ACCOffload.Configuration;

/// <summary>A configuration error. Its text is one line: source, key and value, reason, remedy.</summary>
/// <param name="Source">The file or environment variable that the value comes from.</param>
/// <param name="Key">The key, with colons between section and name; empty if the error is about the whole file.</param>
/// <param name="Value">The value as written; null if there is none.</param>
/// <param name="Reason">Why it is invalid.</param>
/// <param name="Remedy">What to do.</param>
public sealed record ConfigurationError(string Source, string Key, string? Value, string Reason, string Remedy)
{
    private const int MaxValueLength = 80;

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
    /// Makes a value safe to show in one line: control characters, invisible characters and those that change the text direction are
    /// escaped, and long text is truncated.
    /// </summary>
    /// <param name="value">Any text.</param>
    /// <param name="maxLength">The number of characters to keep.</param>
    public static string OneLine(string value, int maxLength = MaxValueLength)
    {
        var shown = new StringBuilder();
        foreach (var rune in value.EnumerateRunes())
        {
            if (shown.Length >= maxLength)
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

    // Invalid UTF-16 is enumerated as U+FFFD.
    private static bool IsShown(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate);
}
