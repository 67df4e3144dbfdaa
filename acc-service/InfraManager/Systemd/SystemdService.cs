using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace ACCOffload.InfraManager.Systemd;

/// <summary>Tells systemd how the service is (Type=notify): ready, stopping, alive. Does nothing where no NOTIFY_SOCKET is set.</summary>
internal sealed partial class SystemdService : IDisposable
{
    private readonly SystemdNotifier _notifier = new();
    private readonly ILogger _logger;
    private ITimer? _watchdog;
    private bool _stalled;
    private int _beating;

    public SystemdService(ILogger logger)
    {
        _logger = logger;
    }

    /// <summary>The store is open and the API is served.</summary>
    public void Ready(string status) => Notify($"READY=1\nSTATUS={status}");

    public void Stopping() => Notify("STOPPING=1");

    /// <summary>Sends WATCHDOG=1 at half of WATCHDOG_USEC, as long as <paramref name="alive"/> says so.</summary>
    public void StartWatchdog(Func<bool> alive, TimeProvider time)
    {
        if (!_notifier.IsEnabled || WatchdogInterval() is not { } interval)
        {
            return;
        }

        _watchdog = time.CreateTimer(_ => Beat(alive), null, TimeSpan.Zero, interval);
    }

    public void Dispose() => _watchdog?.Dispose();

    /// <summary>Half of what systemd waits for; null when it doesn't watch this process.</summary>
    internal static TimeSpan? WatchdogInterval()
    {
        if (!ulong.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds) || microseconds == 0)
        {
            return null;
        }

        var pid = Environment.GetEnvironmentVariable("WATCHDOG_PID");
        if (!string.IsNullOrEmpty(pid) && pid != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            return null;
        }

        return TimeSpan.FromMicroseconds(Math.Max(microseconds, 2000) / 2d);
    }

    private void Beat(Func<bool> alive)
    {
        // A supervisor that doesn't read holds one thread up, not one more with each beat.
        if (Interlocked.Exchange(ref _beating, 1) != 0)
        {
            return;
        }

        if (alive())
        {
            _stalled = false;
            Notify("WATCHDOG=1");
        }
        else if (!_stalled)
        {
            _stalled = true;
            LogStalled();
        }
        Volatile.Write(ref _beating, 0);
    }

    private void Notify(string state)
    {
        try
        {
            _notifier.Notify(new ServiceState(state));
        }
        catch (Exception e)
        {
            // A supervisor that went away is no reason to stop.
            LogNotNotified(e.Message);
        }
    }

    [LoggerMessage(EventId = 1010, Level = LogLevel.Critical, Message = "The programmer makes no progress; systemd is not told that the service is alive")]
    private partial void LogStalled();

    [LoggerMessage(EventId = 1011, Level = LogLevel.Warning, Message = "systemd could not be notified: {Reason}")]
    private partial void LogNotNotified(string reason);
}
