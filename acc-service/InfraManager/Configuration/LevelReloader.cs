namespace ACCOffload.InfraManager.Configuration;

/// <summary>Applies the log levels of a changed configuration file. Other keys take effect at the next start, and the log says so.</summary>
internal sealed partial class LevelReloader : IDisposable
{
    private readonly string _file;
    private readonly bool _required;
    private readonly FeatureLevels _levels;
    private readonly IReadOnlyCollection<string>? _sections;
    private readonly ILogger _logger;
    private readonly FileMonitor _monitor;
    private readonly string _others;

    /// <param name="file">The file that --config named; null for the default one.</param>
    /// <param name="sections">The sections that matter to this process; null for all.</param>
    /// <param name="started">The settings that the process started with.</param>
    /// <param name="levels">What to change.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where it tells.</param>
    public LevelReloader(string? file, IReadOnlyCollection<string>? sections, Settings started, FeatureLevels levels, TimeProvider time, ILoggerFactory loggers)
    {
        _file = file ?? SettingsLoader.DefaultFile;
        _required = file is not null;
        _sections = sections;
        _levels = levels;
        _logger = loggers.CreateLogger(Features.Config);
        _others = SettingsLoader.Fingerprint(started);
        _monitor = new FileMonitor([_file], Apply, TimeSpan.FromSeconds(10), time, _logger);
    }

    /// <summary>Reads the file again, for SIGHUP.</summary>
    public void LookNow() => _monitor.LookNow();

    public void Dispose() => _monitor.Dispose();

    private bool Apply()
    {
        try
        {
            var settings = SettingsLoader.Load(_required ? _file : null, Environment.GetEnvironmentVariables(), _sections);
            _levels.Settings = settings.Logging with { Format = _levels.Settings.Format };
            LogReloaded(_file, settings.Logging.Level);
            if (SettingsLoader.Fingerprint(settings) != _others)
            {
                LogNeedsRestart(_file);
            }
        }
        catch (ConfigurationException e)
        {
            // A bad file is told once, not at each poll: the next change is looked at again.
            LogNotReloaded(e.Message.ReplaceLineEndings(" | "));
        }
        return true;
    }

    [LoggerMessage(EventId = 1020, Level = LogLevel.Information, Message = "{File} reloaded: log level {Level}, and those of the features")]
    private partial void LogReloaded(string file, LogLevel level);

    [LoggerMessage(EventId = 1021, Level = LogLevel.Warning, Message = "{File} has other changes than log levels; they take effect at the next start")]
    private partial void LogNeedsRestart(string file);

    [LoggerMessage(EventId = 1022, Level = LogLevel.Error, Message = "Configuration not reloaded, what was read before stays in force: {Problem}")]
    private partial void LogNotReloaded(string problem);
}
