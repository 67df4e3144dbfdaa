using Microsoft.Extensions.Logging;

namespace ACCOffload.Logging;

/// <summary>The log's shape and levels; the levels follow the file while the service runs.</summary>
/// <param name="Format">The shape of a line.</param>
/// <param name="Level">The least level of what has none of its own.</param>
/// <param name="Features">The least level by feature, without regard to case.</param>
public sealed record LoggingSettings(LogFormat Format, LogLevel Level, IReadOnlyDictionary<string, LogLevel> Features)
{
    /// <summary>Reads the section Logging.</summary>
    /// <param name="reader">Where from; it collects what is wrong.</param>
    /// <param name="features">The features that a level can be given to.</param>
    public static LoggingSettings Read(ConfigurationReader reader, LogFeatures features)
    {
        const string LevelRemedy = "give Trace, Debug, Information, Warning, Error, Critical or None";
        return new LoggingSettings(
            reader.Value<LogFormat>("Logging:Format", "text", Parsers.Name, "give text, json or systemd"),
            reader.Value<LogLevel>("Logging:Level", "Information", Parsers.Level, LevelRemedy),
            reader.Map<LogLevel>(
                "Logging:Features",
                name => features.Names.Contains(name, StringComparer.OrdinalIgnoreCase) ? null : $"names no feature of {string.Join(", ", features.Names)}",
                Parsers.Level,
                LevelRemedy));
    }
}
