using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>
/// The work of a daemon between start and stop. StartAsync completes when the daemon is ready; <see cref="DaemonHost"/> then notifies
/// systemd.
/// </summary>
public interface IDaemon : IHostedService
{
    /// <summary>One line for systemctl status once the daemon has started; empty if there is none.</summary>
    string Status { get; }

    /// <summary>Whether the daemon is making progress; if it is not, systemd restarts it. Must return within a bounded time.</summary>
    ValueTask<bool> IsAliveAsync();

    /// <summary>
    /// Called on SIGHUP: reloads what can be reloaded. <see cref="DaemonHost"/> reloads the log levels itself.
    /// </summary>
    void Reload();
}
