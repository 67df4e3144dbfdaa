using ACCOffload.InfraManager.Configuration;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>Starts the soft target in this process.</summary>
internal static class SoftTargetProcess
{
    /// <returns>What stops it when it is disposed.</returns>
    /// <exception cref="ConfigurationException">Its address can't be bound.</exception>
    public static Task<IAsyncDisposable> StartAsync(SoftTargetSettings settings, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        throw new ConfigurationException(new ConfigurationError("configuration", "SoftTarget.Listen", settings.Listen, "the soft target is not in this build", "use an external target"));
}
