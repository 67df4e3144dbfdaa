namespace ACCOffload.NativeInterop.Syscalls;

/// <summary>Waits until one of several descriptors is readable, with a timeout and cancellation.</summary>
internal sealed class EventWait : IDisposable
{
    private readonly Epoll _epoll = new();
    private readonly EventFd _cancelled = new();
    private readonly CancellationTokenRegistration _registration;
    private readonly CancellationToken _cancellation;
    private readonly TimeSpan _limit;
    private readonly long _started = TimeProvider.System.GetTimestamp();

    /// <param name="limit">Maximum total time of all waits.</param>
    /// <param name="cancellation">Ends a wait with an <see cref="OperationCanceledException"/>.</param>
    /// <param name="descriptors">The descriptors to wait for; they must outlive this object.</param>
    public EventWait(TimeSpan limit, CancellationToken cancellation, params ReadOnlySpan<FileDescriptor> descriptors)
    {
        _limit = limit;
        _cancellation = cancellation;
        try
        {
            _epoll.Add(_cancelled.Handle, EpollEvents.Read, 0);
            for (var i = 0; i < descriptors.Length; i++)
            {
                _epoll.Add(descriptors[i], EpollEvents.Read, (ulong)i + 1);
            }

            _registration = cancellation.UnsafeRegister(static cancelled => ((EventFd)cancelled!).Signal(), _cancelled);
        }
        catch
        {
            _epoll.Dispose();
            _cancelled.Dispose();
            throw;
        }
    }

    /// <summary>Waits.</summary>
    /// <returns>False on timeout; true may be spurious.</returns>
    public bool Next()
    {
        _cancellation.ThrowIfCancellationRequested();
        var left = _limit - TimeProvider.System.GetElapsedTime(_started);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        Span<EpollEvent> ready = stackalloc EpollEvent[1];
        _ = _epoll.Wait(ready, (int)Math.Clamp(Math.Ceiling(left.TotalMilliseconds), 1, int.MaxValue));
        _cancellation.ThrowIfCancellationRequested();
        return true;
    }

    public void Dispose()
    {
        // Waits for a running callback, so that it does not signal a closed descriptor.
        _registration.Dispose();
        _epoll.Dispose();
        _cancelled.Dispose();
    }
}
