using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace ACCOffload.Daemon.Systemd;

/// <summary>
/// Notifies systemd of the state of this service (Type=notify): ready, stopping, alive. Does nothing unless NOTIFY_SOCKET is set. The
/// package Microsoft.Extensions.Hosting.Systemd sends neither a status nor watchdog messages, and requires a parent process named
/// "systemd", which is not always the case.
/// </summary>
internal sealed partial class ServiceManager : IDisposable
{
    private readonly SystemdNotifier _notifier = new();
    private readonly ILogger _logger;
    private ITimer? _watchdog;
    private bool _isStalled;
    private int _isBeating;

    /// <param name="logger">Logs failed notifications.</param>
    public ServiceManager(ILogger logger)
    {
        _logger = logger;
    }

    /// <summary>The service has started.</summary>
    /// <param name="status">Shown by systemctl status; empty for none.</param>
    public void Ready(string status) => Notify(status.Length == 0 ? "READY=1" : $"READY=1\nSTATUS={status}");

    /// <summary>The service is stopping; systemd no longer watches it.</summary>
    public void Stopping()
    {
        _watchdog?.Dispose();
        Notify("STOPPING=1");
    }

    /// <summary>Sends WATCHDOG=1 at half of WATCHDOG_USEC while the service is alive.</summary>
    /// <param name="isAlive">Whether the service makes progress; bounded in time.</param>
    /// <param name="time">The clock.</param>
    public void StartWatchdog(Func<ValueTask<bool>> isAlive, TimeProvider time)
    {
        if (!_notifier.IsEnabled || WatchdogInterval() is not { } interval)
        {
            return;
        }

        _watchdog = time.CreateTimer(_ => _ = BeatAsync(isAlive), null, TimeSpan.Zero, interval);
    }

    public void Dispose() => _watchdog?.Dispose();

    /// <summary>Half of the time after which systemd restarts the service; null if it does not watch this process.</summary>
    internal static TimeSpan? WatchdogInterval()
    {
        var text = Environment.GetEnvironmentVariable("WATCHDOG_USEC");
        if (!ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) || microseconds == 0)
        {
            return null;
        }

        var pid = Environment.GetEnvironmentVariable("WATCHDOG_PID");
        return string.IsNullOrEmpty(pid) || pid == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            ? TimeSpan.FromMicroseconds(Math.Max(microseconds, 2000) / 2d)
            : null;
    }

    private async Task BeatAsync(Func<ValueTask<bool>> isAlive)
    {
        // If systemd does not read, or isAlive is slow, only one beat waits instead of one more per interval.
        if (Interlocked.Exchange(ref _isBeating, 1) != 0)
        {
            return;
        }

        try
        {
            if (await isAlive())
            {
                _isStalled = false;
                Notify("WATCHDOG=1");
            }
            else if (!_isStalled)
            {
                _isStalled = true;
                LogStalled();
            }
        }
        finally
        {
            Volatile.Write(ref _isBeating, 0);
        }
    }

    private void Notify(string state)
    {
        try
        {
            _notifier.Notify(new ServiceState(state));
        }
        catch (Exception e)
        {
            // The service keeps running without a service manager.
            LogNotNotified(e.Message);
        }
    }

    [LoggerMessage(
        EventId = 1010, Level = LogLevel.Critical, Message = "The service makes no progress; systemd watchdog notifications are suspended")]
    private partial void LogStalled();

    [LoggerMessage(EventId = 1011, Level = LogLevel.Warning, Message = "systemd could not be notified: {Reason}")]
    private partial void LogNotNotified(string reason);
}
