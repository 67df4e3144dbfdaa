using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>The work of a daemon between start and stop. StartAsync returns once it serves; then systemd is notified.</summary>
public interface IDaemon : IHostedService
{
    /// <summary>One line for systemctl status once the daemon has started; empty for none.</summary>
    string Status { get; }

    /// <summary>Whether the daemon makes progress; bounded in time. If not, systemd restarts it.</summary>
    ValueTask<bool> IsAliveAsync();

    /// <summary>Reloads what can be reloaded, on SIGHUP. Log levels are reloaded by the host.</summary>
    void Reload();
}
