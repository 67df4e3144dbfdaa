namespace ACCOffload.Metrics;

/// <summary>Finds a series by label values, or by the tags of a measurement without allocating.</summary>
internal sealed class LabelComparer
    : IEqualityComparer<string[]>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, string[]>
{
    /// <summary>Maximum length of a label value; longer ones are cut.</summary>
    public const int MaxValueLength = 256;

    public static LabelComparer Instance { get; } = new();

    public bool Equals(string[]? x, string[]? y) => x.AsSpan().SequenceEqual(y);

    public int GetHashCode(string[] obj)
    {
        var hash = default(HashCode);
        foreach (var value in obj)
        {
            hash.Add(string.GetHashCode(value));
        }

        return hash.ToHashCode();
    }

    public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> alternate, string[] other)
    {
        if (alternate.Length != other.Length)
        {
            return false;
        }

        for (var i = 0; i < other.Length; i++)
        {
            if (!Text(alternate[i]).SequenceEqual(other[i]))
            {
                return false;
            }
        }
        return true;
    }

    public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
    {
        var hash = default(HashCode);
        foreach (var tag in alternate)
        {
            hash.Add(string.GetHashCode(Text(tag)));
        }

        return hash.ToHashCode();
    }

    public string[] Create(ReadOnlySpan<KeyValuePair<string, object?>> alternate)
    {
        var values = new string[alternate.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Text(alternate[i]).ToString();
        }

        return values;
    }

    private static ReadOnlySpan<char> Text(KeyValuePair<string, object?> tag)
    {
        // All of ours are strings.
        var text = tag.Value as string ?? tag.Value?.ToString();
        return text.AsSpan()[..Math.Min(text?.Length ?? 0, MaxValueLength)];
    }
}
