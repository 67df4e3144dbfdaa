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
                line.Append(" = \"").Append(OneLine(Value)).Append('"');
            line.Append(": ");
        }
        return line.Append(Reason).Append("; ").Append(Remedy).ToString();
    }

    /// <summary>Keeps a value from breaking the line or hiding the rest of it.</summary>
    public static string OneLine(string value)
    {
        var shown = new StringBuilder();
        foreach (var c in value)
        {
            if (shown.Length >= LongestValue)
                return shown.Append('…').ToString();
            if (char.IsControl(c))
                shown.Append("\\u").Append(((int)c).ToString("x4", System.Globalization.CultureInfo.InvariantCulture));
            else
                shown.Append(c);
        }
        return shown.ToString();
    }
}
