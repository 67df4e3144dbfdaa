using ACCOffload.Daemon;
using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.CommandLine;

/// <summary>Runs a long-running command: configuration, log levels, exit codes.</summary>
internal static class DaemonCommand
{
    // The host must not cut off a daemon that stops within its own limit.
    private static readonly TimeSpan ShutdownMargin = TimeSpan.FromSeconds(30);

    /// <param name="file">The configuration file; null for the default one.</param>
    /// <param name="sections">The sections that must be valid; null for all.</param>
    /// <param name="create">Creates the daemon.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(
        string? file, IReadOnlyCollection<string>? sections, Func<Settings, ILoggerFactory, IDaemon> create)
    {
        try
        {
            var settings = SettingsLoader.Load(file, Environment.GetEnvironmentVariables(), sections);
            var options = new DaemonOptions
            {
                Name = "inframanager",
                Levels = new FeatureLevels(settings.Logging, Features.Log),
                Category = Features.Host,
                ConfigurationFile = file ?? SettingsLoader.DefaultFile,
                Reload = SettingsLoader.CreateReloader(file, sections, settings),
                ReloadCategory = Features.Config,
                ShutdownTimeout = settings.Limits.Shutdown + ShutdownMargin,
            };
            return await DaemonHost.RunAsync(options, loggers => create(settings, loggers));
        }
        catch (ConfigurationException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ConfigurationException.ExitCode;
        }
    }
}
