using System.Runtime.InteropServices;
using ACCOffload.Daemon.Systemd;
using Microsoft.Extensions.Hosting;

namespace ACCOffload.Daemon;

/// <summary>
/// The daemon as seen from outside: SIGTERM and SIGINT stop it gracefully, SIGHUP reloads, and systemd is notified when it is ready, alive
/// and stopping.
/// </summary>
internal sealed class DaemonLifetime(
    IHostApplicationLifetime application, IDaemon daemon, LogLevelReloader reloader, ServiceManager systemd, TimeProvider time)
    : IHostLifetime, IDisposable
{
    private readonly List<IDisposable> _registrations = [];

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, Reload));
        _registrations.Add(application.ApplicationStarted.Register(() =>
        {
            systemd.Ready(daemon.Status);
            systemd.StartWatchdog(daemon.IsAliveAsync, time);
        }));
        _registrations.Add(application.ApplicationStopping.Register(systemd.Stopping));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    // Without Cancel the runtime would end the process.
    private void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        application.StopApplication();
    }

    private void Reload(PosixSignalContext context)
    {
        context.Cancel = true;
        reloader.LookNow();
        daemon.Reload();
    }
}
