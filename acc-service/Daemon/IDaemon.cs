using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>
/// The work of a daemon between start and stop. StartAsync returns when the daemon is ready; the host then notifies systemd.
/// </summary>
public interface IDaemon : IHostedService
{
    /// <summary>One line for systemctl status once the daemon has started; empty for none.</summary>
    string Status { get; }

    /// <summary>Whether the daemon is making progress; if it is not, systemd restarts it. Must return within a bounded time.</summary>
    ValueTask<bool> IsAliveAsync();

    /// <summary>Reloads what can be reloaded, on SIGHUP. Log levels are reloaded by the host.</summary>
    void Reload();
}
