namespace ACCOffload.Configuration;

/// <summary>Reads one value; null when it can, else the reason why not.</summary>
public delegate string? ValueParser<T>(string text, out T value);
