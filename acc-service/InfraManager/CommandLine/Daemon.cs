using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Hosting;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>What every long-running command shares: configuration, log, signals, exit codes.</summary>
internal static partial class Daemon
{
    /// <param name="file">The configuration file; null for the default one.</param>
    /// <param name="sections">The sections that must be right; null for all.</param>
    /// <param name="body">The command; its result is the exit code.</param>
    public static async Task<int> RunAsync(string? file, IReadOnlyCollection<string>? sections, Func<Settings, ILoggerFactory, Signals, Task<int>> body)
    {
        Settings settings;
        try
        {
            settings = SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), sections);
        }
        catch (ConfigurationException e)
        {
            return await RefuseAsync(e);
        }
        var levels = new FeatureLevels(settings.Logging, Features.Log);
        using var loggers = LoggerFactory.Create(builder => LogSetup.Configure(builder, levels));
        var logger = loggers.CreateLogger(Features.Host);
        using var signals = new Signals();
        using var reloader = new LevelReloader(file, sections, settings, levels, TimeProvider.System, loggers);
        signals.Reload += reloader.LookNow;
        try
        {
            return await body(settings, loggers, signals);
        }
        catch (ConfigurationException e)
        {
            return await RefuseAsync(e);
        }
        catch (OperationCanceledException) when (signals.Stopping.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e)
        {
            LogCrashed(logger, e);
            return 1;
        }
    }

    private static async Task<int> RefuseAsync(ConfigurationException e)
    {
        await Console.Error.WriteLineAsync(e.Message);
        return ConfigurationException.ExitCode;
    }

    [LoggerMessage(EventId = 1000, Level = LogLevel.Critical, Message = "Stopped by an error")]
    private static partial void LogCrashed(ILogger logger, Exception exception);
}
