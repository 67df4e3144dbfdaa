using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>What a daemon does between start and stop. StartAsync returns when it serves; then systemd is told that it is ready.</summary>
public interface IDaemon : IHostedService
{
    /// <summary>One line for systemctl status once the daemon has started; empty for none.</summary>
    string Status { get; }

    /// <summary>Whether the daemon makes progress; bounded in time. If not, systemd restarts it.</summary>
    ValueTask<bool> IsAliveAsync();

    /// <summary>Reloads what can be reloaded, on SIGHUP. Log levels are not the daemon's concern.</summary>
    void Reload();
}
