namespace ACCOffload.Configuration;

/// <summary>One value, with the place it comes from.</summary>
/// <param name="Source">The file or the environment variable.</param>
/// <param name="Key">The key as written there.</param>
/// <param name="Kind">How it is written.</param>
/// <param name="Text">The value as text.</param>
/// <param name="Items">The elements of a list.</param>
public sealed record ConfigurationValue(string Source, string Key, ConfigurationValueKind Kind, string Text, IReadOnlyList<ConfigurationValue>? Items = null);
