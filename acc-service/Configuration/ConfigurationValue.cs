namespace ACCOffload.Configuration;

/// <summary>A value and where it comes from.</summary>
/// <param name="Source">The file or the environment variable.</param>
/// <param name="Key">The key as written there.</param>
/// <param name="Kind">The form in which it is written.</param>
/// <param name="Text">The value as text.</param>
/// <param name="Items">The elements of a list.</param>
public sealed record ConfigurationValue(
    string Source, string Key, ConfigurationValueKind Kind, string Text, IReadOnlyList<ConfigurationValue>? Items = null);

/// <summary>The form in which a value is written.</summary>
public enum ConfigurationValueKind
{
    /// <summary>A JSON string.</summary>
    Text,

    /// <summary>A JSON number.</summary>
    Number,

    /// <summary>true or false.</summary>
    Flag,

    /// <summary>A JSON array of scalars.</summary>
    List,

    /// <summary>An empty JSON object, which has no keys to flatten.</summary>
    EmptySection,

    /// <summary>An environment variable: text, number, flag or comma-separated list, depending on the key.</summary>
    Environment,
}
