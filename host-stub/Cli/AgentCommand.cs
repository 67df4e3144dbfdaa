using ACCOffload.Daemon;
using ACCOffload.HostStub.Agent;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;

namespace ACCOffload.HostStub.Cli;

/// <summary>`host-stub agent`.</summary>
internal static class AgentCommand
{
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(30);

    /// <returns>The exit code.</returns>
    /// <exception cref="ConfigurationException">The agent cannot start with this configuration.</exception>
    public static int Run(string path)
    {
        var config = AgentConfigReader.Load(path);
        var options = new DaemonOptions
        {
            Name = "host-stub",
            Levels = new FeatureLevels(config.Logging, LogFeature.All),
            Category = LogFeature.Host,
            ConfigurationFile = path,
            Reload = () => new ReloadedConfiguration(AgentConfigReader.Load(path).Logging, NeedsRestart: null),
            ReloadCategory = LogFeature.Host,
            ShutdownTimeout = ShutdownLimit,
        };
        return DaemonHost.RunAsync(options, loggers => new AgentService(config, loggers)).GetAwaiter().GetResult();
    }
}
