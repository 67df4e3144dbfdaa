namespace ACCOffload.Daemon;

/// <summary>How a daemon's process runs.</summary>
public sealed record DaemonOptions
{
    /// <summary>The name that starts messages on standard error.</summary>
    public required string Name { get; init; }

    /// <summary>The log's format and levels.</summary>
    public required FeatureLevels Levels { get; init; }

    /// <summary>The log category of the process itself: start, stop, configuration.</summary>
    public required string Category { get; init; }

    /// <summary>The configuration file; log levels follow it.</summary>
    public required string ConfigurationFile { get; init; }

    /// <summary>Reads the configuration again.</summary>
    public required Func<ReloadedConfiguration> Reload { get; init; }

    /// <summary>The log category of messages about reloads.</summary>
    public required string ReloadCategory { get; init; }

    /// <summary>Time limit for an orderly stop.</summary>
    public required TimeSpan ShutdownTimeout { get; init; }
}
