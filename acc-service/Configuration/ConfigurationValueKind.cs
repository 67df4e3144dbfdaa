namespace ACCOffload.Configuration;

/// <summary>The kinds of a value as it is written.</summary>
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

    /// <summary>An empty JSON object, which has no keys of its own to flatten.</summary>
    EmptySection,

    /// <summary>An environment variable: text, number, flag or comma-separated list, as the key wants.</summary>
    Environment,
}
