using Microsoft.Extensions.Logging;

namespace ACCOffload.Logging;

/// <summary>Format and levels of the log. The levels follow the configuration file while the daemon runs.</summary>
/// <param name="Format">The format of a line.</param>
/// <param name="Level">The minimum level of features without one of their own.</param>
/// <param name="Features">The minimum level by feature, ignoring case.</param>
public sealed record LoggingSettings(LogFormat Format, LogLevel Level, IReadOnlyDictionary<string, LogLevel> Features)
{
    /// <summary>Reads the Logging section.</summary>
    /// <param name="reader">The configuration; it collects errors.</param>
    /// <param name="features">The features that can have a level.</param>
    public static LoggingSettings Read(ConfigurationReader reader, LogFeatures features)
    {
        const string LevelRemedy = "give Trace, Debug, Information, Warning, Error, Critical or None";
        return new LoggingSettings(
            reader.Value<LogFormat>("Logging:Format", "text", Parsers.Name, "give text, json or systemd"),
            reader.Value<LogLevel>("Logging:Level", "Information", Parsers.Level, LevelRemedy),
            reader.Map<LogLevel>(
                "Logging:Features",
                name => features.Names.Contains(name, StringComparer.OrdinalIgnoreCase)
                    ? null
                    : $"is not a known feature ({string.Join(", ", features.Names)})",
                Parsers.Level,
                LevelRemedy));
    }
}

/// <summary>The format of a log line.</summary>
public enum LogFormat
{
    /// <summary>A line with a timestamp.</summary>
    Text,

    /// <summary>One JSON object per line.</summary>
    Json,

    /// <summary>A line with a priority for journald.</summary>
    Systemd,
}
