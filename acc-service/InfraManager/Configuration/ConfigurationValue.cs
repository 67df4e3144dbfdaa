namespace ACCOffload.InfraManager.Configuration;

/// <summary>The kinds of a value as it is written.</summary>
internal enum ConfigurationValueKind
{
    /// <summary>A JSON string.</summary>
    Text,

    /// <summary>A JSON number.</summary>
    Number,

    /// <summary>true or false.</summary>
    Flag,

    /// <summary>A JSON array of scalars.</summary>
    List,

    /// <summary>An empty JSON object, which has no keys of its own to flatten.</summary>
    EmptySection,

    /// <summary>An environment variable: text, number, flag or comma-separated list, as the key wants.</summary>
    Environment,
}

/// <summary>One value, with the place it comes from.</summary>
/// <param name="Source">The file or the environment variable.</param>
/// <param name="Key">The key as written there.</param>
/// <param name="Kind">How it is written.</param>
/// <param name="Text">The value as text.</param>
/// <param name="Items">The elements of a list.</param>
internal sealed record ConfigurationValue(string Source, string Key, ConfigurationValueKind Kind, string Text, IReadOnlyList<ConfigurationValue>? Items = null);
