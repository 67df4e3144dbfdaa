namespace ACCOffload.Daemon;

/// <summary>A configuration that was reread while the daemon runs.</summary>
/// <param name="Logging">The levels to apply.</param>
/// <param name="NeedsRestart">Whether anything else has changed; null if that is not known.</param>
public readonly record struct ReloadedConfiguration(LoggingSettings Logging, bool? NeedsRestart);

/// <summary>
/// Applies the log levels of a changed configuration file. Other changes take effect at the next start, and the log says so.
/// </summary>
public sealed partial class LogLevelReloader : IDisposable
{
    // The file is read at each poll; inotify reports ordinary changes much earlier.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(10);

    private readonly string _file;
    private readonly FeatureLevels _levels;
    private readonly Func<ReloadedConfiguration> _reload;
    private readonly ILogger _logger;
    private readonly FileMonitor _monitor;

    /// <param name="file">The file to watch.</param>
    /// <param name="levels">The levels in force.</param>
    /// <param name="reload">Reads the file; throws <see cref="ConfigurationException"/> if it is invalid.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs what was reloaded.</param>
    public LogLevelReloader(string file, FeatureLevels levels, Func<ReloadedConfiguration> reload, TimeProvider time, ILogger logger)
    {
        _file = file;
        _levels = levels;
        _reload = reload;
        _logger = logger;
        _monitor = new FileMonitor([file], Apply, PollInterval, time, logger);
    }

    /// <summary>Reads the file now, on SIGHUP.</summary>
    public void LookNow() => _monitor.LookNow();

    /// <inheritdoc/>
    public void Dispose() => _monitor.Dispose();

    private bool Apply()
    {
        try
        {
            var (logging, needsRestart) = _reload();
            // The console keeps the format that it was set up with.
            _levels.Settings = logging with { Format = _levels.Settings.Format };
            LogReloaded(_file, logging.Level);
            if (needsRestart != false)
            {
                LogNeedsRestart(_file, needsRestart is null ? "any other changes" : "changes other than log levels");
            }
        }
        catch (ConfigurationException e)
        {
            // An invalid file is reported once, not at every poll.
            LogNotReloaded(e.Message.ReplaceLineEndings(" | "));
        }

        return true;
    }

    [LoggerMessage(
        EventId = 1020, Level = LogLevel.Information,
        Message = "Reloaded {File}: the log levels are in force; features without one use {Level}")]
    private partial void LogReloaded(string file, LogLevel level);

    [LoggerMessage(EventId = 1021, Level = LogLevel.Warning, Message = "{File}: {Changes} take effect at the next start")]
    private partial void LogNeedsRestart(string file, string changes);

    [LoggerMessage(
        EventId = 1022, Level = LogLevel.Error, Message = "Configuration not reloaded, the previous one stays in force: {Problem}")]
    private partial void LogNotReloaded(string problem);
}
