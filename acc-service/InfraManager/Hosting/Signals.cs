using System.Runtime.InteropServices;

namespace ACCOffload.InfraManager.Hosting;

/// <summary>SIGTERM and SIGINT end the process in order, SIGHUP reloads; for as long as it is not disposed.</summary>
internal sealed class Signals : IDisposable
{
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopping = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Signals()
    {
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            _stop.TrySetResult();
            _stopping.Cancel();
        }
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                Reload?.Invoke();
            }),
        ];
    }

    /// <summary>Raised on SIGHUP, on a pool thread.</summary>
    public event Action? Reload;

    /// <summary>Cancelled by the first signal to stop, for what is still starting.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public Task WaitForStopAsync() => _stop.Task;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _stopping.Dispose();
    }
}
