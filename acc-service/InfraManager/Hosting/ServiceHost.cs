using ACCOffload.Daemon;
using ACCOffload.InfraManager.Cluster;
using ACCOffload.InfraManager.Configuration;
using ACCOffload.InfraManager.Felix;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.Security;
using ACCOffload.InfraManager.Store;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>
/// The running service: the embedded target, the programmer, the API and their monitoring. Stops and disposes of them in order.
/// </summary>
internal sealed partial class ServiceHost : IAsyncDisposable
{
    // Every request is answered by then; only streams that end with their client, such as a health Watch, are still open.
    private static readonly TimeSpan StreamLimit = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _shutdownLimit;
    private readonly DisposalStack _parts;
    private readonly Programmer _programmer;
    private readonly ClusterWatch? _watch;
    private readonly FelixServer? _felix;
    private readonly ApiServer _api;
    private readonly ILogger _logger;

    public ServiceHost(
        TimeSpan shutdownLimit, DisposalStack parts, Programmer programmer, ClusterWatch? watch, FelixServer? felix, ApiServer api,
        ILogger logger)
    {
        _shutdownLimit = shutdownLimit;
        _parts = parts;
        _programmer = programmer;
        _watch = watch;
        _felix = felix;
        _api = api;
        _logger = logger;
    }

    /// <summary>Whether the programmer makes progress.</summary>
    public bool IsHealthy => _programmer.IsHealthy;

    /// <summary>Returns when the store is open and the API is served. It does not wait for the target.</summary>
    /// <exception cref="ConfigurationException">Something named in the configuration can't be used.</exception>
    /// <exception cref="StoreException">The store can't be opened or read.</exception>
    public static async Task<ServiceHost> StartAsync(
        Settings settings, ILoggerFactory loggers, TimeProvider time, CancellationToken cancellationToken)
    {
        var parts = new DisposalStack();
        try
        {
            return await new ServiceComposer(settings, loggers, time, parts).StartAsync(cancellationToken);
        }
        catch (Exception e)
        {
            try
            {
                await parts.DisposeAsync();
            }
            catch (Exception other)
            {
                // The caller must learn why the start failed.
                LogNotReleased(loggers.CreateLogger(Features.Host), other);
            }

            if (e is CertificateFileException c)
            {
                throw new ConfigurationException(new ConfigurationError(c.File, c.Key, null, c.Reason, c.Remedy));
            }

            throw;
        }
    }

    /// <summary>Reads the certificates again.</summary>
    public void ReloadCertificates() => _api.ReloadCertificates();

    /// <summary>Accepts nothing more and finishes what is queued, within the configured limit.</summary>
    public async Task StopAsync()
    {
        LogStopping();
        // Running requests may need the programmer to complete, so both have the same limit and the API closes first.
        using var limit = new CancellationTokenSource(_shutdownLimit);
        var closing = _api.StopAsync(limit.Token);
        // Changes that it has submitted are finished with the rest; later ones are picked up after the restart.
        if (_watch is not null)
        {
            await _parts.DisposeEarlyAsync(_watch);
        }

        if (_felix is not null)
        {
            await _parts.DisposeEarlyAsync(_felix);
        }

        await _programmer.StopAsync(_shutdownLimit);
        limit.CancelAfter(StreamLimit);
        await closing;
        LogStopped();
    }

    public ValueTask DisposeAsync() => _parts.DisposeAsync();

    [LoggerMessage(EventId = 1002, Level = LogLevel.Information, Message = "Stopping")]
    private partial void LogStopping();

    [LoggerMessage(EventId = 1003, Level = LogLevel.Information, Message = "Stopped")]
    private partial void LogStopped();

    [LoggerMessage(EventId = 1004, Level = LogLevel.Warning, Message = "Could not release everything that the failed start had opened")]
    private static partial void LogNotReleased(ILogger logger, Exception exception);
}
