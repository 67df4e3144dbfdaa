using System.Runtime.InteropServices;
using ACCOffload.HostStub.Configuration;
using ACCOffload.HostStub.Logging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Systemd;
using Microsoft.Extensions.Logging;

namespace ACCOffload.HostStub.Agent;

/// <summary>The agent as a hosted service: systemd's watchdog, and log levels that follow the configuration file.</summary>
internal sealed partial class AgentService(AgentConfig config, string path, FeatureLevels levels, ILoggerFactory loggers, ISystemdNotifier notifier) : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan ReloadEvery = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan AliveLimit = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = loggers.CreateLogger(LogFeature.Host);
    private readonly CancellationTokenSource _stop = new();
    private HostAgent? _agent;
    private FileMonitor? _monitor;
    private PosixSignalRegistration? _hangUp;
    private Task _watchdog = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _agent = await HostAgent.StartAsync(config, loggers, TimeProvider.System);
        _monitor = new FileMonitor([path], Reload, ReloadEvery, TimeProvider.System, _logger);
        // Whose default is to end the process.
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            _monitor.LookNow();
        });
        if (WatchdogInterval() is { } interval)
        {
            _watchdog = Task.Run(() => FeedAsync(_agent, interval, _stop.Token), CancellationToken.None);
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        _hangUp?.Dispose();
        _monitor?.Dispose();
        await _watchdog;
        if (_agent is not null)
        {
            await _agent.DisposeAsync();
        }

        _agent = null;
    }

    public ValueTask DisposeAsync()
    {
        _stop.Dispose();
        return ValueTask.CompletedTask;
    }

    // Half of what systemd waits; none when it does not watch this process.
    private static TimeSpan? WatchdogInterval()
    {
        if (!long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), out var microseconds) || microseconds <= 0)
        {
            return null;
        }

        var pid = Environment.GetEnvironmentVariable("WATCHDOG_PID");
        return pid is null || pid == Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture)
            ? TimeSpan.FromMicroseconds(microseconds / 2)
            : null;
    }

    private async Task FeedAsync(HostAgent agent, TimeSpan interval, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            if (await agent.IsAliveAsync(AliveLimit))
            {
                notifier.Notify(new ServiceState("WATCHDOG=1"));
            }
            else
            {
                LogStuck();
            }

            await DelayAsync(interval, stop);
        }
    }

    private bool Reload()
    {
        try
        {
            // The shape of a line is the console's, and stays.
            levels.Settings = AgentConfigReader.Load(path).Logging with { Format = levels.Settings.Format };
            LogReloaded(path);
        }
        catch (ConfigurationException e)
        {
            LogBadReload(e.Message.ReplaceLineEndings(" | "));
        }
        return true;
    }

    private static async Task DelayAsync(TimeSpan delay, CancellationToken stop)
    {
        try
        {
            await Task.Delay(delay, stop);
        }
        catch (OperationCanceledException)
        {
            // The callers' loops look at the token.
        }
    }

    [LoggerMessage(LogLevel.Warning, "{Path} has changed: the log levels are in force, everything else needs a restart")]
    private partial void LogReloaded(string path);

    [LoggerMessage(LogLevel.Error, "{Reason}; the configuration stays as it was")]
    private partial void LogBadReload(string reason);

    [LoggerMessage(LogLevel.Critical, "The agent makes no progress: systemd's watchdog is not fed")]
    private partial void LogStuck();
}
