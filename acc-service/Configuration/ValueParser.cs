namespace ACCOffload.Configuration;

/// <summary>Parses a value. Returns null on success, otherwise the reason why the text is invalid.</summary>
public delegate string? ValueParser<T>(string text, out T value);
